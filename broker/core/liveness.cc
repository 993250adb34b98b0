#include "broker/core/liveness.h"

#include <set>
#include <string>
#include <utility>

#include "schema/base/log.h"

namespace weir::broker {

void Liveness::heard(Agent& agent) {
  const bool was_lost = state_.lost.erase(agent.name) > 0;
  if (was_lost || !agent.connected) step_.note_connection(agent.name);
  agent.heard = step_.now;
  agent.connected = true;
  const std::set<std::string> lost_before = state_.lost;
  failure_detector_.heard(state_, step_.now);
  if (state_.lost == lost_before) return;
  for (const std::string& name : lost_before) step_.note_connection(name);
}

void Liveness::tick() {
  note_silent();
  note_lost();
  if (step_.now - step_.started >= kSilenceAtStart && !std::exchange(state_.awaited, {}).empty()) {
    step_.changes.pipelines.insert(step_.changes.waiting.begin(), step_.changes.waiting.end());
  }
  note_away();
}

void Liveness::note_silent() {
  for (auto& [name, agent] : state_.agents) {
    const bool connected = step_.now - agent.heard < kAgentSilence;
    if (agent.connected && !connected) {
      log::warn("agent " + name + " is silent");
      step_.add_event("agent.silent", "", "", name, "nothing was heard of it for 3 s");
    }
    if (agent.connected != connected) step_.note_connection(name);
    agent.connected = connected;
  }
}

void Liveness::note_lost() {
  const std::set<std::string> lost_before = state_.lost;
  step_.effects.probes = failure_detector_.tick(state_, step_.started, step_.now);
  for (const std::string& name : lost_before) {
    if (!state_.lost.contains(name)) step_.note_connection(name);
  }
  for (const std::string& name : state_.lost) {
    if (lost_before.contains(name)) continue;
    step_.note_connection(name);
    log::warn("agent " + name + " is lost");
    step_.add_event("agent.lost", "", "", name, "it is silent, and none of its wrappers is heard");
  }
}

// Whom the next broker is not to wait for.
void Liveness::note_away() {
  for (auto& [name, identity] : state_.identities) {
    if (identity.away || identity.id == 0) continue;
    const Agent* agent = state_.agent(name);
    const SteadyTime heard = agent == nullptr ? step_.started : agent->heard;
    if (step_.now - heard < kAwayAfter) continue;
    identity.away = true;
    step_.store(name, identity);
  }
}

}  // namespace weir::broker
