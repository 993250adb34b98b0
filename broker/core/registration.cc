#include "broker/core/registration.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "broker/core/liveness.h"
#include "broker/core/placer.h"
#include "broker/core/removal.h"
#include "broker/core/reports.h"
#include "schema/base/log.h"

namespace weir::broker {

void Registration::take(const std::string& peer, const std::string& request,
                        wire::AgentRegister message) {
  std::erase_if(state_.registering, [&](const auto& entry) {
    return entry.first == peer || entry.second.so_far.name == message.name;
  });
  if (!state_.identities.contains(message.name) && !state_.agents.contains(message.name) &&
      !make_room()) {
    step_.refuse(peer, request,
                 {ErrorCode::kLimit, "there are " + std::to_string(kAgentsMax) +
                                         " agents; remove those that are gone for good with "
                                         "'weirctl agent rm NAME'"});
    return;
  }
  if (message.more) {
    if (state_.registering.size() >= kAgentsMax) return;  // It asks again.
    state_.registering[peer] = Registering{request, std::move(message), step_.now};
    return step_.send(peer, request, wire::Ok{});
  }
  if (!take_identity(message)) {
    const std::string what = "another agent with the name \"" + message.name +
                             "\" is at work; give this one a name of its own (--name)";
    step_.refuse(peer, request, {ErrorCode::kConflict, what});
    return;
  }
  log::info("agent " + message.name + " registered");
  step_.add_event("agent.connected", "", "", message.name,
                  message.address.empty() ? "" : "at " + message.address);
  Agent& agent = state_.agents[message.name];
  agent.name = message.name;
  state_.awaited.erase(agent.name);
  Liveness(step_, failure_detector_).heard(agent);
  agent.address = std::move(message.address);
  agent.peer = peer;
  Reports(step_, failure_detector_).take_all(agent, std::move(message.instances));
  step_.note_connection(agent.name);
  // So it is answered with orders, even if they are empty.
  agent.feed.begin_anew();
}

bool Registration::take_part(const std::string& peer, const std::string& request,
                             wire::AgentReport& message) {
  const auto found = state_.registering.find(peer);
  if (found == state_.registering.end()) return false;
  Registering& registering = found->second;
  registering.heard = step_.now;
  wire::AgentRegister& so_far = registering.so_far;
  if (so_far.instances.size() + message.instances.size() > wire::kInstancesPerAgentMax) {
    state_.registering.erase(found);
    step_.refuse(peer, request, {ErrorCode::kLimit, "too many instances on one agent"});
    return true;
  }
  for (wire::InstanceStatus& status : message.instances) {
    so_far.instances.push_back(std::move(status));
  }
  if (message.more) {
    step_.send(peer, request, wire::Ok{});
    return true;
  }
  Registering complete = std::move(registering);
  state_.registering.erase(found);
  complete.so_far.more = false;
  step_.send(peer, request, wire::Ok{});
  take(peer, complete.request, std::move(complete.so_far));
  return true;
}

void Registration::forget_unfinished() {
  std::erase_if(state_.registering, [&](const auto& entry) {
    return step_.now - entry.second.heard >= kSilenceAtStart;
  });
}

// Two agents of one name would run the same nodes with the same terms, and nothing could tell their
// records apart. So the later one waits until the other is silent; what that still runs is fenced
// out by higher terms then.
bool Registration::take_identity(const wire::AgentRegister& message) {
  Identity& known = state_.identities[message.name];
  if (known.id != 0 && known.text == message.identity) {
    if (std::exchange(known.away, false)) step_.store(message.name, known);
    return true;
  }
  if (known.id != 0) {
    const Agent* agent = state_.agent(message.name);
    // Who was there before this broker started has as long to be heard again.
    const SteadyTime heard = agent == nullptr ? step_.started : agent->heard;
    if (step_.now - heard < kAgentSilence) return false;
    log::warn("agent " + message.name + ": another one has this name now");
    step_.add_event(
        "agent.replaced", "", "", message.name,
        "another agent has this name now; what only the logs of the first one hold is given up");
    Placer(step_).begin_anew_on(message.name);
  }
  // None is known of agents that are older than identities.
  if (message.identity.empty() && known.id == 0) {
    state_.identities.erase(message.name);
    return true;
  }
  if (known.id == 0) known.id = ++state_.last_agent_id;
  known.text = message.identity;
  known.away = false;
  step_.store(message.name, known);
  return true;
}

// Of those that nobody needs and that are silent, the one that is so for longest goes.
bool Registration::make_room() {
  std::set<std::string> names;
  for (const auto& [name, identity] : state_.identities) names.insert(name);
  for (const auto& [name, agent] : state_.agents) names.insert(name);
  if (names.size() < kAgentsMax) return true;
  std::optional<std::string> oldest;
  for (const std::string& name : names) {
    const Agent* agent = state_.agent(name);
    if (state_.kept.contains(name)) continue;
    if (agent != nullptr && (agent->connected || !agent->instances.empty())) continue;
    const Agent* other = oldest ? state_.agent(*oldest) : nullptr;
    const bool older = agent == nullptr || (other != nullptr && agent->heard < other->heard);
    if (!oldest || older) oldest = name;
  }
  if (!oldest) return false;
  log::info("agent " + *oldest + ": forgotten, to make room for another one");
  Removal(step_).forget_agent(*oldest);
  return true;
}

// What of a pipeline is there and not given up, in words; empty: nothing.
std::string Registration::needs(const std::string& name) const {
  const auto kept = state_.kept.find(name);
  if (kept == state_.kept.end()) return {};
  for (const wire::InstanceKey& key : kept->second) {
    const Placement& placed = state_.placements.at(key);
    const auto pipeline = state_.pipelines.find(key.pipeline);
    if (placed.agent != name || pipeline == state_.pipelines.end()) continue;
    const PipelineRecord& record = pipeline->second.record;
    if (record.desired == DesiredState::kRemove || record.completed) continue;
    if (key.drained_term != 0 && placed.finished) continue;
    const std::string which = "node \"" + key.node + "\" of pipeline \"" + key.pipeline + "\"";
    if (key.drained_term == 0) {
      return which + " is there; remove the pipeline first ('weirctl pipeline rm " + key.pipeline +
             "'), or let another agent run it";
    }
    return "what the log of " + which +
           " holds there is waited for; give it up first ('weirctl pipeline abandon " +
           key.pipeline + "')";
  }
  return {};
}

Outcome Registration::remove(const std::string& name) {
  const Agent* agent = state_.agent(name);
  if (agent == nullptr && !state_.identities.contains(name) && !state_.kept.contains(name)) {
    return no_agent(state_, name);
  }
  if (agent != nullptr && agent->connected) {
    return conflict("agent \"" + name + "\" is connected; stop it first");
  }
  if (const std::string why = needs(name); !why.empty()) return conflict(why);
  Removal(step_).forget_agent(name);
  step_.add_event("agent.removed", "", "", name, "");
  return Done{};
}

}  // namespace weir::broker
