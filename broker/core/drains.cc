#include "broker/core/drains.h"

#include <algorithm>
#include <utility>

namespace weir::broker {
namespace {

// R5: whether nobody waits for the log that it leaves behind, because it writes elsewhere what is
// not settled. One that is to end starts no program there, so then its log is all there is.
bool goes_on_elsewhere(const Pipeline& pipeline, uint32_t instance) {
  return pipeline.is_source(instance) && pipeline.node(instance).portable &&
         !pipeline.record.ending;
}

}  // namespace

void Drains::leave_own_log(Pipeline& pipeline, uint32_t instance) {
  const Placement& own = state_.placements.at(pipeline.key(instance));
  leave_log(pipeline, instance, {own.agent, own.term, own.log_term});
}

void Drains::leave_log(Pipeline& pipeline, uint32_t instance, const SourceLog& log) {
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
  step_.store(placed);
}

// R8: no portable source writes again what it was to, now that the pipeline is to end.
void Drains::drain_what_it_left(Pipeline& pipeline) {
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
    step_.store(placed);
  }
}

// Its readers learn of the lane at once: until it has ended they do not end.
void Drains::drain_log(Pipeline& pipeline, uint32_t instance, const SourceLog& log) {
  wire::InstanceKey key = pipeline.key(instance);
  key.drained_term = log.term;
  Placement& drain = state_.placements[key];
  // One that nobody knew where it is may be found.
  if (drain.id != 0 && (drain.finished || !drain.agent.empty() || log.agent.empty())) return;
  if (drain.id == 0) drain.id = ++state_.last_placement_id;
  drain.key = key;
  drain.agent = log.agent;
  drain.term = drain.last_term = log.term;
  drain.log_term = log.log_term;
  step_.store(drain);
  const std::string lane = wire::lane_name(key.node, key.instance, key.drained_term);
  for (const uint32_t output : pipeline.outputs_of(instance)) {
    const auto reader = state_.placements.find(pipeline.key(output));
    if (reader == state_.placements.end()) continue;  // It is told when it is placed.
    add_once(reader->second.drained_lanes, lane);
    step_.store(reader->second);
  }
  step_.add_event("node.drain", key.pipeline, key.node, drain.agent,
                  "what its log holds is sent when the agent is back");
}

std::vector<std::string> Drains::open_drains(const Pipeline& pipeline, uint32_t instance) const {
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

void Drains::note_drained(const Pipeline& pipeline) {
  for (auto& [key, placed] : state_.placements_of(pipeline.spec().name)) {
    if (key.drained_term == 0 || placed.finished) continue;
    const wire::InstanceStatus* report = state_.report(key);
    if (report == nullptr || !report->ended_and_settled) continue;
    placed.finished = true;
    step_.store(placed);
    forget_lane(key);
    step_.add_event("node.drained", key.pipeline, key.node, placed.agent,
                    "all that its log held is settled");
  }
}

// All of it is settled, so a reader that was moved meanwhile needs nothing of it, and nobody would
// tell it that the lane has ended.
void Drains::forget_lane(const wire::InstanceKey& drained) {
  const std::string lane = wire::lane_name(drained.node, drained.instance, drained.drained_term);
  for (auto& [key, placed] : state_.placements_of(drained.pipeline)) {
    if (std::erase(placed.drained_lanes, lane) > 0) step_.store(placed);
  }
}

}  // namespace weir::broker
