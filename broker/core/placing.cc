// Where nodes are and in which term: placing, moving what a lost agent had, draining the logs of
// lost sources, and what agents confirm of stops and removals.
#include <algorithm>
#include <utility>

#include "broker/core/agent_choice.h"
#include "broker/core/broker.h"
#include "schema/base/log.h"

namespace weir::broker {
namespace {

void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

bool is_source(const Pipeline& pipeline, uint32_t instance) {
  return pipeline.inputs_of(instance).empty() && !pipeline.node(instance).caller_stdin;
}

// R5: whether nobody waits for the log that it leaves behind, because it writes elsewhere what is
// not settled. One that is to end starts no program there, so then its log is all there is.
bool goes_on_elsewhere(const Pipeline& pipeline, uint32_t instance) {
  return is_source(pipeline, instance) && pipeline.node(instance).portable &&
         !pipeline.record.ending;
}

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

// What agents say of terms that we never gave: our store is an old copy.
void BrokerCore::raise_terms(const Agent& agent) {
  for (const auto& [key, status] : agent.instances) {
    const auto found = state_.placements.find(key);
    if (status.term > kTermMax) continue;
    if (found == state_.placements.end()) {
      adopt_drain(agent, status);
      continue;
    }
    adopt_term(agent, found->second, status);
    go_above_fence(agent, found->second, status);
    drain_what_was_forgotten(agent, found->second, status);
  }
}

void BrokerCore::raise_term(Placement& placed, uint64_t above) {
  placed.last_term = std::max({placed.last_term, placed.term, above}) + 1;
  placed.term = placed.last_term;
  store(placed);
}

// R10: whoever bears a higher term than ours was placed by a broker whose memory we lost, and where
// that one placed it is its log.
void BrokerCore::adopt_term(const Agent& agent, Placement& placed,
                            const wire::InstanceStatus& status) {
  const wire::InstanceKey& key = placed.key;
  const bool same_term_elsewhere = status.term == placed.term && placed.agent != agent.name;
  if (status.term <= placed.term && !same_term_elsewhere) return;
  log::warn(wire::to_string(key) + ": agent " + agent.name + " has term " +
            std::to_string(status.term) + ", ours is " + std::to_string(placed.term));
  const bool newer = status.term > placed.term && placed.agent != agent.name;
  if (newer && agent.connected && !placed.agent.empty() && may_be_at(key, agent.name)) {
    drain_what_was_left(key);
    add_once(placed.former, placed.agent);
    placed.agent = agent.name;
    placed.log_term = status.log_term;
    placed.gone = false;
  }
  // It was away from there and came back, to another log than the one that we know.
  if (status.term > placed.term && placed.agent == agent.name &&
      status.log_term > placed.log_term) {
    placed.log_term = status.log_term;
  }
  raise_term(placed, status.term);
}

// R10: its neighbours know a higher term, and whoever bears that has not spoken, and may be lost
// for ever: nobody else will tell us.
void BrokerCore::go_above_fence(const Agent& agent, Placement& placed,
                                const wire::InstanceStatus& status) {
  if (status.fenced_by <= placed.term || status.fenced_by > kTermMax) return;
  if (now_ - *started_ < kSilenceAtStart) {
    changes_.agents_at_tick.insert(agent.name);
    return;
  }
  const wire::InstanceKey& key = placed.key;
  log::warn(wire::to_string(key) + ": is fenced out by term " + std::to_string(status.fenced_by) +
            ", ours is " + std::to_string(placed.term));
  add_event(
      "node.fenced", key.pipeline, key.node, agent.name,
      "term " + std::to_string(status.fenced_by) + " is known to its neighbours, and not to us");
  const auto pipeline = state_.pipelines.find(key.pipeline);
  if (pipeline != state_.pipelines.end() && key.drained_term == 0 && !placed.finished) {
    const auto instance = pipeline->second.find(key);
    // R5: there is one more log of it, somewhere.
    if (instance && is_source(pipeline->second, *instance)) {
      leave_log(pipeline->second, *instance, {"", status.fenced_by, status.fenced_by});
    }
  }
  raise_term(placed, status.fenced_by);
}

// A log is drained that we take for that of a running source, or know nothing of. It has ended, so
// the source itself begins a new one.
void BrokerCore::adopt_drain(const Agent& agent, const wire::InstanceStatus& status) {
  wire::InstanceKey key = wire::key_of(status);
  const uint64_t drained_term = std::exchange(key.drained_term, 0);
  const auto pipeline = state_.pipelines.find(key.pipeline);
  const auto regular = state_.placements.find(key);
  if (drained_term == 0 || drained_term > kTermMax) return;
  if (pipeline == state_.pipelines.end() || regular == state_.placements.end()) return;
  const auto instance = pipeline->second.find(key);
  const bool wanted = is_wanted_up(pipeline->second) && !regular->second.agent.empty();
  if (!wanted || !instance || !is_source(pipeline->second, *instance)) return;
  drain_log(pipeline->second, *instance, {agent.name, drained_term, status.log_term});
  Placement& placed = regular->second;
  if (placed.agent == agent.name && placed.log_term == status.log_term && !placed.finished) {
    raise_term(placed, std::max(drained_term, status.term));
    placed.log_term = placed.term;
    store(placed);
  }
  key.drained_term = drained_term;
  adopt_term(agent, state_.placements.at(key), status);
}

// R5: a source is where we never placed it, so a broker whose memory we lost did. What only its log
// holds is drained.
void BrokerCore::drain_what_was_forgotten(const Agent& agent, const Placement& placed,
                                          const wire::InstanceStatus& status) {
  if (placed.key.drained_term != 0 || placed.finished) return;
  if (placed.agent.empty() || placed.agent == agent.name) return;
  const auto& former = placed.former;
  if (std::find(former.begin(), former.end(), agent.name) != former.end()) return;
  const auto pipeline = state_.pipelines.find(placed.key.pipeline);
  if (pipeline == state_.pipelines.end() || pipeline->second.record.completed) return;
  const DesiredState desired = pipeline->second.record.desired;
  if (desired == DesiredState::kStored || desired == DesiredState::kRemove) return;
  const auto instance = pipeline->second.find(placed.key);
  if (!instance || !is_source(pipeline->second, *instance)) return;
  leave_log(pipeline->second, *instance, {agent.name, status.term, status.log_term});
}

// A source that was moved, and we have forgotten it: what it left behind was to be drained.
void BrokerCore::drain_what_was_left(const wire::InstanceKey& key) {
  const auto pipeline = state_.pipelines.find(key.pipeline);
  if (key.drained_term != 0 || pipeline == state_.pipelines.end()) return;
  const auto instance = pipeline->second.find(key);
  if (!instance || !is_source(pipeline->second, *instance)) return;
  if (!state_.placements.at(key).finished) leave_own_log(pipeline->second, *instance);
}

// ---- Placing -------------------------------------------------------------------------------

bool BrokerCore::may_be_at(const wire::InstanceKey& key, const std::string& agent) const {
  const auto pipeline = state_.pipelines.find(key.pipeline);
  if (pipeline == state_.pipelines.end()) return false;
  const auto instance = pipeline->second.find(key);
  if (!instance) return false;
  return may_be_on(pipeline->second.node(*instance), agent);
}

// Whether an agent that has not spoken since our start may have it, although we know of no
// placement.
bool BrokerCore::is_awaited(const wire::InstanceKey& key) const {
  return std::any_of(state_.awaited.begin(), state_.awaited.end(),
                     [&](const std::string& agent) { return may_be_at(key, agent); });
}

void BrokerCore::place(Pipeline& pipeline) {
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
    changes_.waiting.erase(pipeline.spec().name);
  } else {
    changes_.waiting.insert(pipeline.spec().name);
  }
}

const Loads& BrokerCore::loads() {
  if (!loads_) loads_ = loads_of(state_);
  return *loads_;
}

bool BrokerCore::place_instance(Pipeline& pipeline, uint32_t instance) {
  const wire::InstanceKey key = pipeline.key(instance);
  std::optional<std::string> chosen;
  uint64_t term = term_floor_ + 1;
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
  placed.drained_lanes = open_drains(pipeline, instance);
  placed.finished = false;
  store(placed);
  return true;
}

void BrokerCore::give_place(Placement& placed, const std::string& agent, uint64_t term) {
  if (placed.id == 0) placed.id = ++last_placement_id_;
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
  add_event("node.placed", placed.key.pipeline, placed.key.node, agent, std::move(text));
}

// Where it is, with an empty log: the one that was there is gone, or has another agent.
void BrokerCore::begin_anew(Placement& placed) {
  wire::InstanceKey key = placed.key;
  key.drained_term = 0;
  Placement& regular = state_.placements.at(key);
  regular.last_term = std::max(regular.last_term, regular.term) + 1;
  if (&placed == &regular) placed.position = placed.settled_position;
  placed.term = placed.last_term = placed.log_term = regular.last_term;
  store(placed);
  if (&placed != &regular) store(regular);
}

// Another agent has the name now, and none of the logs.
void BrokerCore::begin_anew_on(const std::string& agent) {
  for (auto& [key, placed] : state_.placements) {
    if (std::erase_if(placed.left, [&](const SourceLog& log) { return log.agent == agent; }) > 0) {
      store(placed);
    }
    if (placed.agent != agent || (key.drained_term != 0 && placed.finished)) continue;
    Pipeline* const pipeline = find(key.pipeline);
    const auto instance = pipeline == nullptr ? std::nullopt : pipeline->find(key);
    if (instance && key.drained_term == 0 && retire(*pipeline, *instance)) continue;
    begin_anew(placed);
  }
}

// R8: what has ended and is settled up to the sinks begins nowhere anew: upstream has nothing left
// for it, and its program would run on nothing. A source knows by itself (`finished`).
bool BrokerCore::retire(Pipeline& pipeline, uint32_t instance) {
  if (pipeline.inputs_of(instance).empty()) return false;
  if (state_.placements.at(pipeline.key(instance)).finished) return true;
  if (!instances_over(state_, pipeline)[instance]) return false;
  retire_from(pipeline, instance);
  return true;
}

// With all that read it: nobody could tell them again that it has ended.
void BrokerCore::retire_from(Pipeline& pipeline, uint32_t instance) {
  Placement& placed = state_.placements.at(pipeline.key(instance));
  if (placed.finished) return;
  placed.finished = true;
  store(placed);
  log::info(wire::to_string(placed.key) + ": has ended, and begins nowhere anew");
  for (const uint32_t output : pipeline.outputs_of(instance)) retire_from(pipeline, output);
}

// R4: elsewhere it begins with an empty log and a higher term; upstream replays what is not
// settled. What only a source's own log holds is drained when its host is back, or written again
// from the first record that is not settled (R5).
bool BrokerCore::move_instance(Pipeline& pipeline, uint32_t instance) {
  const std::optional<std::string> chosen = choose_agent(loads(), pipeline.node(instance));
  if (!chosen) return false;  // The pipeline says what it waits for.
  Placement& placed = state_.placements.at(pipeline.key(instance));
  if (is_source(pipeline, instance) && !placed.finished) {
    const auto last = state_.figures.find(placed.key);
    placed.finished = last != state_.figures.end() && last->second.ended_and_settled;
    if (!placed.finished) leave_own_log(pipeline, instance);
  }
  placed.position = placed.settled_position;
  give_place(placed, *chosen, placed.last_term + 1);
  placed.drained_lanes = open_drains(pipeline, instance);
  store(placed);
  return true;
}

// ---- Draining (R5) -------------------------------------------------------------------------

void BrokerCore::leave_own_log(Pipeline& pipeline, uint32_t instance) {
  const Placement& own = state_.placements.at(pipeline.key(instance));
  leave_log(pipeline, instance, {own.agent, own.term, own.log_term});
}

void BrokerCore::leave_log(Pipeline& pipeline, uint32_t instance, const SourceLog& log) {
  if (!goes_on_elsewhere(pipeline, instance)) return drain_log(pipeline, instance, log);
  Placement& placed = state_.placements.at(pipeline.key(instance));
  const auto known = std::find_if(placed.left.begin(), placed.left.end(),
                                  [&](const SourceLog& one) { return one.term == log.term; });
  if (known == placed.left.end()) {
    placed.left.push_back(log);
  } else if (known->agent.empty() && !log.agent.empty()) {
    *known = log;  // It was found.
  } else {
    return;
  }
  store(placed);
}

// R8: no portable source writes again what it was to, now that the pipeline is to end.
void BrokerCore::drain_what_it_left(Pipeline& pipeline) {
  for (uint32_t instance = 0; instance < pipeline.instances(); ++instance) {
    const auto found = state_.placements.find(pipeline.key(instance));
    if (found == state_.placements.end() || found->second.left.empty()) continue;
    Placement& placed = found->second;
    const std::vector<SourceLog> left = std::exchange(placed.left, {});
    const wire::InstanceStatus* const report = state_.report(placed.key);
    const bool wrote_all = report != nullptr && report->ended_and_settled;
    for (const SourceLog& log : left) {
      if (!placed.finished && !wrote_all) drain_log(pipeline, instance, log);
    }
    store(placed);
  }
}

// Its readers learn of the lane at once: until it has ended they do not end.
void BrokerCore::drain_log(Pipeline& pipeline, uint32_t instance, const SourceLog& log) {
  wire::InstanceKey key = pipeline.key(instance);
  key.drained_term = log.term;
  Placement& drain = state_.placements[key];
  // One that nobody knew where it is may be found.
  if (drain.id != 0 && (drain.finished || !drain.agent.empty() || log.agent.empty())) return;
  if (drain.id == 0) drain.id = ++last_placement_id_;
  drain.key = key;
  drain.agent = log.agent;
  drain.term = drain.last_term = log.term;
  drain.log_term = log.log_term;
  store(drain);
  const std::string lane = wire::lane_name(key.node, key.instance, key.drained_term);
  for (const uint32_t output : pipeline.outputs_of(instance)) {
    const auto reader = state_.placements.find(pipeline.key(output));
    if (reader == state_.placements.end()) continue;  // It is told when it is placed.
    add_once(reader->second.drained_lanes, lane);
    store(reader->second);
  }
  add_event("node.drain", key.pipeline, key.node, drain.agent,
            "what its log holds is sent when the agent is back");
}

std::vector<std::string> BrokerCore::open_drains(const Pipeline& pipeline,
                                                 uint32_t instance) const {
  std::vector<std::string> lanes;
  for (const uint32_t input : pipeline.inputs_of(instance)) {
    for (const Placement* drain : state_.drains_of(pipeline.key(input))) {
      const wire::InstanceKey& key = drain->key;
      if (!drain->finished)
        lanes.push_back(wire::lane_name(key.node, key.instance, key.drained_term));
    }
  }
  return lanes;
}

void BrokerCore::note_drained(const Pipeline& pipeline) {
  for (auto& [key, placed] : state_.placements_of(pipeline.spec().name)) {
    if (key.drained_term == 0 || placed.finished) continue;
    const wire::InstanceStatus* report = state_.report(key);
    if (report == nullptr || !report->ended_and_settled) continue;
    placed.finished = true;
    store(placed);
    forget_lane(key);
    add_event("node.drained", key.pipeline, key.node, placed.agent,
              "all that its log held is settled");
  }
}

// All of it is settled, so a reader that was moved meanwhile needs nothing of it, and nobody would
// tell it that the lane has ended.
void BrokerCore::forget_lane(const wire::InstanceKey& drained) {
  const std::string lane = wire::lane_name(drained.node, drained.instance, drained.drained_term);
  for (auto& [key, placed] : state_.placements_of(drained.pipeline)) {
    if (std::erase(placed.drained_lanes, lane) > 0) store(placed);
  }
}

// The lane is ended by a writer of a higher term, with an empty log, on another agent.
BrokerCore::Outcome BrokerCore::abandon(const std::string& name) {
  Pipeline* const pipeline = find(name);
  if (pipeline == nullptr) return not_found(name);
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
      add_event("pipeline.abandoned", name, drain.key.node, drain.agent,
                "what only its log held is given up");
      drain.agent.clear();
      give_place(drain, *chosen, ++regular.last_term);
      store(drain);
      store(regular);
      any = true;
    }
  }
  if (any) return Done{};
  return Error{ErrorCode::kConflict,
               "pipeline \"" + name + "\" waits for no lost host: there is nothing to abandon"};
}

// ---- What agents confirm -------------------------------------------------------------------

// An agent that obeyed the very order that says stop, and does not have the instance, will not get
// it back: orders come in order.
void BrokerCore::note_gone(const Agent& agent) {
  const auto has = [&](const wire::InstanceKey& key) {
    return agent.instances.contains(key) || agent.removing.contains(key);
  };
  for (const wire::InstanceKey& key : agent.feed.obeyed_stops()) {
    if (!has(key)) note_stopped(agent.name, key);
  }
  for (const wire::InstanceKey& key : agent.feed.obeyed_removals()) {
    if (!has(key)) note_erased(agent.name, key);
  }
}

void BrokerCore::note_stopped(const std::string& agent, const wire::InstanceKey& key) {
  const auto found = state_.placements.find(key);
  if (found == state_.placements.end() || found->second.agent != agent) return;
  Placement& placed = found->second;
  const auto pipeline = state_.pipelines.find(key.pipeline);
  if (pipeline == state_.pipelines.end()) return;
  const bool done = key.drained_term != 0 && placed.finished;
  // What was stopped is not removed yet.
  if (pipeline->second.record.desired == DesiredState::kRemove) return;
  if (!done && is_wanted_up(pipeline->second)) return;
  placed.gone = true;
  changes_.pipelines.insert(key.pipeline);
}

void BrokerCore::note_erased(const std::string& agent, const wire::InstanceKey& key) {
  const auto found = state_.placements.find(key);
  if (found == state_.placements.end()) return;
  Placement& placed = found->second;
  const auto pipeline = state_.pipelines.find(key.pipeline);
  if (pipeline != state_.pipelines.end()) {
    if (pipeline->second.record.desired != DesiredState::kRemove) return;
    placed.removed_from.insert(agent);
    changes_.pipelines.insert(key.pipeline);
    return;
  }
  // Its pipeline was removed while this agent was lost.
  std::erase(placed.former, agent);
  store(placed);
  forget_placements(key.pipeline);
}

// Of pipelines that are gone, once no agent keeps anything.
void BrokerCore::forget_placements(const std::string& pipeline) {
  if (state_.pipelines.contains(pipeline)) return;
  const auto all = state_.placements_of(pipeline);
  const bool any_kept = std::any_of(
      all.begin(), all.end(), [](const auto& entry) { return !entry.second.kept_by().empty(); });
  if (any_kept || all.begin() == all.end()) return;
  uint64_t floor = term_floor_;
  for (auto at = all.begin(); at != all.end(); at = state_.placements.erase(at)) {
    floor = std::max({floor, at->second.term, at->second.last_term});
    effects_.writes.push_back({{RecordKind::kPlacement, at->second.id}, std::nullopt});
  }
  if (floor == term_floor_) return;
  term_floor_ = floor;
  effects_.writes.push_back({{RecordKind::kMeta, kMetaTermFloor}, encode_number(floor)});
}

// Agents that are lost are not waited for: they are told when they are back.
bool BrokerCore::note_removed(const Pipeline& pipeline) {
  if (pipeline.record.desired != DesiredState::kRemove) return false;
  const std::string name = pipeline.spec().name;
  for (const auto& [key, placed] : state_.placements_of(name)) {
    for (const std::string& agent : placed.kept_by()) {
      if (!placed.removed_from.contains(agent) && !state_.lost.contains(agent)) return false;
    }
  }
  forget(pipeline);
  effects_.writes.push_back({{RecordKind::kPipeline, pipeline.id}, std::nullopt});
  add_event("pipeline.removed", name, "", "", "");
  state_.pipelines.erase(name);
  forget_placements(name);
  changes_.waiting.erase(name);
  effects_.contents_changed = true;
  return true;
}

// What stays of its placements: the terms, and who is still to delete what.
void BrokerCore::forget(const Pipeline& pipeline) {
  std::erase_if(state_.figures,
                [&](const auto& entry) { return entry.first.pipeline == pipeline.spec().name; });
  for (auto& [key, placed] : state_.placements_of(pipeline.spec().name)) {
    std::vector<std::string> rest;
    for (const std::string& agent : placed.kept_by()) {
      if (!placed.removed_from.contains(agent)) rest.push_back(agent);
    }
    placed.former = std::move(rest);
    placed.agent.clear();
    placed.drained_lanes.clear();
    placed.position = placed.settled_position = {};
    placed.settled_record = {};
    placed.left.clear();
    // A pipeline of this name that is put later waits for none of them.
    placed.finished = key.drained_term != 0;
    placed.gone = false;
    placed.removed_from.clear();
    store(placed);
  }
}

}  // namespace weir::broker
