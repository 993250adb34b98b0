#include "broker/core/placer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "broker/core/drains.h"
#include "schema/base/log.h"

namespace weir::broker {
namespace {

// Of each instance: all that it had is settled, and so it is with whoever reads it, up to the
// sinks. Nobody needs it any more, whatever is lost.
std::vector<bool> instances_over(const State& state, const Pipeline& pipeline) {
  const auto settled = [&](uint32_t instance) {
    const Placement* placed = state.placement(pipeline.key(instance));
    if (placed == nullptr) return false;
    if (is_retired(pipeline, instance, *placed)) return true;
    const auto last = state.figures.find(pipeline.key(instance));
    return last != state.figures.end() && last->second.ended_and_settled &&
           last->second.log_term == placed->log_term;
  };
  std::vector<bool> over(pipeline.instances());
  for (const uint32_t instance : pipeline.graph.readers_first) {
    const auto& outputs = pipeline.outputs_of(instance);
    over[instance] =
        settled(instance) &&
        std::all_of(outputs.begin(), outputs.end(), [&](uint32_t output) { return over[output]; });
  }
  return over;
}

}  // namespace

// Whether an agent that has not spoken since our start may have it, although we know of no
// placement.
bool Placer::is_awaited(const wire::InstanceKey& key) const {
  return std::any_of(state_.awaited.begin(), state_.awaited.end(),
                     [&](const std::string& agent) { return may_be_at(state_, key, agent); });
}

void Placer::place(Pipeline& pipeline) {
  const bool may_move = !pipeline.record.run.options.stay_placed;
  bool all = true;
  for (uint32_t instance = 0; instance < pipeline.instances(); ++instance) {
    const Placement* placed = state_.placement(pipeline.key(instance));
    if (placed == nullptr) {
      all = place_instance(pipeline, instance) && all;
    } else if (may_move && state_.lost.contains(placed->agent)) {
      all = (retire(pipeline, instance) || move_instance(pipeline, instance)) && all;
    }
  }
  if (all) {
    step_.changes.waiting.erase(pipeline.spec().name);
  } else {
    step_.changes.waiting.insert(pipeline.spec().name);
  }
}

const Loads& Placer::loads() {
  if (!loads_) loads_ = loads_of(state_);
  return *loads_;
}

bool Placer::place_instance(Pipeline& pipeline, uint32_t instance) {
  const wire::InstanceKey key = pipeline.key(instance);
  std::optional<std::string> chosen;
  uint64_t term = state_.term_floor + 1;
  std::optional<uint64_t> log_term;
  const auto known = state_.placements.find(key);
  // Somebody has it already although we never placed it: its log is there, so it stays there. But
  // not what is left of a pipeline of this name that was removed.
  for (const auto& [name, agent] : state_.agents) {
    const auto has = agent.instances.find(key);
    if (has == agent.instances.end() || has->second.term < term) continue;
    if (known != state_.placements.end() && known->second.kept_by().contains(name)) continue;
    if (has->second.term > kTermMax) continue;
    chosen = name;
    term = has->second.term + 1;
    log_term = has->second.log_term;
  }
  if (!chosen && is_awaited(key)) return false;
  if (!chosen) chosen = choose_agent(loads(), pipeline.node(instance));
  if (!chosen) return false;
  Placement& placed = state_.placements[key];
  placed.key = key;
  give_place(placed, *chosen, std::max({term, placed.term + 1, placed.last_term + 1}));
  if (log_term) placed.log_term = *log_term;
  placed.drained_lanes = Drains(step_).open_drains(pipeline, instance);
  placed.finished = false;
  step_.store(placed);
  return true;
}

void Placer::give_place(Placement& placed, const std::string& agent, uint64_t term) {
  if (placed.id == 0) placed.id = ++state_.last_placement_id;
  std::string text = "term " + std::to_string(term);
  if (!placed.agent.empty() && placed.agent != agent) {
    add_once(placed.former, placed.agent);
    text += ", was on agent " + placed.agent;
  }
  if (!placed.position.none()) {
    text += ", goes on after record " + std::to_string(placed.position.records);
  }
  std::erase(placed.former, agent);
  placed.agent = agent;
  placed.term = placed.last_term = placed.log_term = term;
  placed.gone = false;
  placed.removed_from.clear();
  if (loads_) ++(*loads_)[agent];
  log::info(wire::to_string(placed.key) + ": placed on agent " + agent + ", " + text);
  step_.add_event("node.placed", placed.key.pipeline, placed.key.node, agent, std::move(text));
}

// Where it is, with an empty log: the one that was there is gone, or has another agent.
void Placer::begin_anew(Placement& placed) {
  wire::InstanceKey key = placed.key;
  key.drained_term = 0;
  Placement& regular = state_.placements.at(key);
  regular.last_term = std::max(regular.last_term, regular.term) + 1;
  if (&placed == &regular) placed.position = placed.settled_position;
  placed.term = placed.last_term = placed.log_term = regular.last_term;
  step_.store(placed);
  if (&placed != &regular) step_.store(regular);
}

// Another agent has the name now, and none of the logs.
void Placer::begin_anew_on(const std::string& agent) {
  for (auto& [key, placed] : state_.placements) {
    if (std::erase_if(placed.left, [&](const SourceLog& log) { return log.agent == agent; }) > 0) {
      step_.store(placed);
    }
    if (placed.agent != agent || (key.drained_term != 0 && placed.finished)) continue;
    Pipeline* const pipeline = state_.pipeline(key.pipeline);
    const auto instance = pipeline == nullptr ? std::nullopt : pipeline->find(key);
    if (instance && key.drained_term == 0 && retire(*pipeline, *instance)) continue;
    begin_anew(placed);
  }
}

// R8: what has ended and is settled up to the sinks is not started elsewhere: upstream has nothing
// left for it, and its program would run on nothing. A source knows by itself (`finished`).
bool Placer::retire(Pipeline& pipeline, uint32_t instance) {
  if (pipeline.inputs_of(instance).empty()) return false;
  if (state_.placements.at(pipeline.key(instance)).finished) return true;
  if (!instances_over(state_, pipeline)[instance]) return false;
  retire_from(pipeline, instance);
  return true;
}

// With all that read it: nobody could tell them again that it has ended.
void Placer::retire_from(Pipeline& pipeline, uint32_t instance) {
  Placement& placed = state_.placements.at(pipeline.key(instance));
  if (placed.finished) return;
  placed.finished = true;
  step_.store(placed);
  log::info(wire::to_string(placed.key) + ": has ended, and is not started on another agent");
  for (const uint32_t output : pipeline.outputs_of(instance)) retire_from(pipeline, output);
}

// R4: elsewhere it begins with an empty log and a higher term; upstream replays what is not
// settled. What only a source's own log holds is drained when its host is back, or written again
// from the first record that is not settled (R5).
bool Placer::move_instance(Pipeline& pipeline, uint32_t instance) {
  const std::optional<std::string> chosen = choose_agent(loads(), pipeline.node(instance));
  if (!chosen) return false;  // The pipeline says what it waits for.
  Placement& placed = state_.placements.at(pipeline.key(instance));
  if (pipeline.is_source(instance) && !placed.finished) {
    const auto last = state_.figures.find(placed.key);
    placed.finished = last != state_.figures.end() && last->second.ended_and_settled;
    if (!placed.finished) Drains(step_).leave_own_log(pipeline, instance);
  }
  placed.position = placed.settled_position;
  give_place(placed, *chosen, placed.last_term + 1);
  placed.drained_lanes = Drains(step_).open_drains(pipeline, instance);
  step_.store(placed);
  return true;
}

// The lane is ended by a writer of a higher term, with an empty log, on another agent.
Outcome Placer::abandon(const std::string& name) {
  Pipeline* const pipeline = state_.pipeline(name);
  if (pipeline == nullptr) return no_pipeline(state_, name);
  bool any = false;
  for (uint32_t instance = 0; instance < pipeline->instances(); ++instance) {
    const auto own = state_.placements.find(pipeline->key(instance));
    for (const Placement* waits : state_.drains_of(pipeline->key(instance))) {
      const Agent* agent = state_.agent(waits->agent);
      if (waits->finished || (agent != nullptr && agent->connected)) continue;
      // Any agent can say that there is nothing.
      const std::optional<std::string> chosen = choose_agent(loads(), graph::NodeSpec{});
      if (!chosen) {
        return Error{ErrorCode::kUnavailable, "no agent is connected; start one, and say it again"};
      }
      Placement& drain = state_.placements.at(waits->key);
      Placement& regular = own->second;
      if (!drain.agent.empty()) add_once(regular.former, drain.agent);
      step_.add_event("pipeline.abandoned", name, drain.key.node, drain.agent,
                      "what only its log held is given up");
      drain.agent.clear();
      give_place(drain, *chosen, ++regular.last_term);
      step_.store(drain);
      step_.store(regular);
      any = true;
    }
  }
  if (any) return Done{};
  return conflict("pipeline \"" + name + "\" waits for no lost host: there is nothing to abandon");
}

}  // namespace weir::broker
