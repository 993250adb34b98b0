#include "broker/core/removal.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace weir::broker {

// An agent that obeyed the very order that says stop, and does not have the instance, will not get
// it back: orders come in order.
void Removal::note_gone(const Agent& agent) {
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

void Removal::note_stopped(const std::string& agent, const wire::InstanceKey& key) {
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
  step_.changes.pipelines.insert(key.pipeline);
}

void Removal::note_erased(const std::string& agent, const wire::InstanceKey& key) {
  const auto found = state_.placements.find(key);
  if (found == state_.placements.end()) return;
  Placement& placed = found->second;
  const auto pipeline = state_.pipelines.find(key.pipeline);
  if (pipeline != state_.pipelines.end()) {
    if (pipeline->second.record.desired != DesiredState::kRemove) return;
    placed.removed_from.insert(agent);
    step_.changes.pipelines.insert(key.pipeline);
    return;
  }
  // Its pipeline was removed while this agent was lost.
  std::erase(placed.former, agent);
  step_.store(placed);
  forget_placements(key.pipeline);
}

// Of pipelines that are gone, once no agent keeps anything.
void Removal::forget_placements(const std::string& pipeline) {
  if (state_.pipelines.contains(pipeline)) return;
  const auto all = state_.placements_of(pipeline);
  const bool any_kept = std::any_of(
      all.begin(), all.end(), [](const auto& entry) { return !entry.second.kept_by().empty(); });
  if (any_kept || all.begin() == all.end()) return;
  uint64_t floor = state_.term_floor;
  for (auto at = all.begin(); at != all.end(); at = state_.placements.erase(at)) {
    floor = std::max({floor, at->second.term, at->second.last_term});
    step_.erase(RecordKind::kPlacement, at->second.id);
  }
  if (floor == state_.term_floor) return;
  state_.term_floor = floor;
  step_.write(RecordKind::kMeta, kMetaTermFloor, encode_number(floor));
}

// Agents that are lost are not waited for: they are told when they are back.
bool Removal::note_removed(const Pipeline& pipeline) {
  if (pipeline.record.desired != DesiredState::kRemove) return false;
  const std::string name = pipeline.spec().name;
  for (const auto& [key, placed] : state_.placements_of(name)) {
    for (const std::string& agent : placed.kept_by()) {
      if (!placed.removed_from.contains(agent) && !state_.lost.contains(agent)) return false;
    }
  }
  forget(pipeline);
  step_.erase(RecordKind::kPipeline, pipeline.id);
  step_.add_event("pipeline.removed", name, "", "", "");
  state_.pipelines.erase(name);
  forget_placements(name);
  step_.changes.waiting.erase(name);
  step_.effects.contents_changed = true;
  return true;
}

// What stays of its placements: the terms, and who is still to delete what.
void Removal::forget(const Pipeline& pipeline) {
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
    step_.store(placed);
  }
}

void Removal::forget_agent(const std::string& name) {
  step_.note_connection(name);
  if (const auto known = state_.identities.find(name); known != state_.identities.end()) {
    if (known->second.id != 0) {
      step_.erase(RecordKind::kAgent, known->second.id);
    }
    state_.identities.erase(known);
  }
  state_.agents.erase(name);
  state_.awaited.erase(name);
  state_.lost.erase(name);
  std::set<std::string> pipelines;
  for (auto& [key, placed] : state_.placements) {
    const bool left =
        std::erase_if(placed.left, [&](const SourceLog& log) { return log.agent == name; }) > 0;
    const bool kept = placed.kept_by().contains(name);
    if (!left && !kept) continue;
    std::erase(placed.former, name);
    placed.removed_from.insert(name);  // If it is still named: nobody waits for it.
    pipelines.insert(key.pipeline);
    step_.store(placed);
  }
  for (const std::string& pipeline : pipelines) forget_placements(pipeline);
}

}  // namespace weir::broker
