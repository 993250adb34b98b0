#include "broker/core/terms.h"

#include <algorithm>
#include <string>
#include <utility>

#include "broker/core/agent_choice.h"
#include "broker/core/drains.h"
#include "schema/base/log.h"

namespace weir::broker {

// What agents say of terms that we never gave: our store is an old copy.
void Terms::raise_for(const Agent& agent) {
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

void Terms::raise_term(Placement& placed, uint64_t above) {
  placed.last_term = std::max({placed.last_term, placed.term, above}) + 1;
  placed.term = placed.last_term;
  step_.store(placed);
}

// R10: whoever bears a higher term than ours was placed by a broker whose memory we lost, and where
// that one placed it is its log.
void Terms::adopt_term(const Agent& agent, Placement& placed, const wire::InstanceStatus& status) {
  const wire::InstanceKey& key = placed.key;
  const bool same_term_elsewhere = status.term == placed.term && placed.agent != agent.name;
  if (status.term <= placed.term && !same_term_elsewhere) return;
  log::warn(wire::to_string(key) + ": agent " + agent.name + " has term " +
            std::to_string(status.term) + ", ours is " + std::to_string(placed.term));
  const bool newer = status.term > placed.term && placed.agent != agent.name;
  if (newer && agent.connected && !placed.agent.empty() && may_be_at(state_, key, agent.name)) {
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
void Terms::go_above_fence(const Agent& agent, Placement& placed,
                           const wire::InstanceStatus& status) {
  if (status.fenced_by <= placed.term || status.fenced_by > kTermMax) return;
  if (step_.now - step_.started < kSilenceAtStart) {
    step_.changes.agents_at_tick.insert(agent.name);
    return;
  }
  const wire::InstanceKey& key = placed.key;
  log::warn(wire::to_string(key) + ": is fenced out by term " + std::to_string(status.fenced_by) +
            ", ours is " + std::to_string(placed.term));
  step_.add_event(
      "node.fenced", key.pipeline, key.node, agent.name,
      "term " + std::to_string(status.fenced_by) + " is known to its neighbours, and not to us");
  const auto pipeline = state_.pipelines.find(key.pipeline);
  if (pipeline != state_.pipelines.end() && key.drained_term == 0 && !placed.finished) {
    const auto instance = pipeline->second.find(key);
    // R5: there is one more log of it, somewhere.
    if (instance && pipeline->second.is_source(*instance)) {
      Drains(step_).leave_log(pipeline->second, *instance,
                              {"", status.fenced_by, status.fenced_by});
    }
  }
  raise_term(placed, status.fenced_by);
}

// A log is drained that we take for that of a running source, or know nothing of. It has ended, so
// the source itself begins a new one.
void Terms::adopt_drain(const Agent& agent, const wire::InstanceStatus& status) {
  wire::InstanceKey key = wire::key_of(status);
  const uint64_t drained_term = std::exchange(key.drained_term, 0);
  const auto pipeline = state_.pipelines.find(key.pipeline);
  const auto regular = state_.placements.find(key);
  if (drained_term == 0 || drained_term > kTermMax) return;
  if (pipeline == state_.pipelines.end() || regular == state_.placements.end()) return;
  const auto instance = pipeline->second.find(key);
  const bool wanted = is_wanted_up(pipeline->second) && !regular->second.agent.empty();
  if (!wanted || !instance || !pipeline->second.is_source(*instance)) return;
  Drains(step_).drain_log(pipeline->second, *instance, {agent.name, drained_term, status.log_term});
  Placement& placed = regular->second;
  if (placed.agent == agent.name && placed.log_term == status.log_term && !placed.finished) {
    raise_term(placed, std::max(drained_term, status.term));
    placed.log_term = placed.term;
    step_.store(placed);
  }
  key.drained_term = drained_term;
  adopt_term(agent, state_.placements.at(key), status);
}

// R5: a source is where we never placed it, so a broker whose memory we lost did. What only its log
// holds is drained.
void Terms::drain_what_was_forgotten(const Agent& agent, const Placement& placed,
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
  if (!instance || !pipeline->second.is_source(*instance)) return;
  Drains(step_).leave_log(pipeline->second, *instance, {agent.name, status.term, status.log_term});
}

// A source that was moved, and we have forgotten it: what it left behind was to be drained.
void Terms::drain_what_was_left(const wire::InstanceKey& key) {
  const auto pipeline = state_.pipelines.find(key.pipeline);
  if (key.drained_term != 0 || pipeline == state_.pipelines.end()) return;
  const auto instance = pipeline->second.find(key);
  if (!instance || !pipeline->second.is_source(*instance)) return;
  if (!state_.placements.at(key).finished) Drains(step_).leave_own_log(pipeline->second, *instance);
}

}  // namespace weir::broker
