#include "broker/core/failure_detector.h"

#include <algorithm>

namespace weir::broker {
namespace {

// Whether nothing is left of a completed pipeline but what this agent may still have: whatever it
// says of that, or does not say, nobody waits for it.
bool is_alone(const State& state, const std::string& pipeline, const std::string& agent) {
  const auto all = state.placements_of(pipeline);
  return std::all_of(all.begin(), all.end(), [&](const auto& entry) {
    const Placement& placed = entry.second;
    return placed.gone || placed.agent.empty() || placed.agent == agent;
  });
}

// Agents that something of a pipeline depends on: what is to run there or to be drained, what is to
// stop, and, for a removal, all that keep something.
std::set<std::string> agents_of(const State& state, const Pipeline& pipeline) {
  std::set<std::string> names;
  const PipelineRecord& record = pipeline.record;
  for (const auto& [key, placed] : state.placements_of(pipeline.spec().name)) {
    if (record.desired == DesiredState::kRemove) {
      for (const std::string& name : placed.kept_by()) {
        if (!placed.removed_from.contains(name)) names.insert(name);
      }
    } else if (!placed.agent.empty() && !placed.gone &&
               !(key.drained_term != 0 && placed.finished)) {
      names.insert(placed.agent);
    }
  }
  if (record.completed && record.desired == DesiredState::kRun && names.size() == 1 &&
      is_alone(state, pipeline.spec().name, *names.begin())) {
    names.clear();
  }
  return names;
}

// Likewise of all pipelines, whether these agents were heard since the broker's start or not.
std::set<std::string> agents_in_use(const State& state) {
  std::set<std::string> names;
  for (const auto& [name, pipeline] : state.pipelines) names.merge(agents_of(state, pipeline));
  return names;
}

// Where its wrappers take in lanes; sources do not.
std::vector<std::string> endpoints_of(const Agent& agent) {
  std::vector<std::string> endpoints;
  for (const auto& [key, status] : agent.instances) {
    if (endpoints.size() == kProbesPerAgent) break;
    const std::string& one =
        status.remote_endpoint.empty() ? status.endpoint : status.remote_endpoint;
    if (!one.empty()) endpoints.push_back(one);
  }
  return endpoints;
}

}  // namespace

std::vector<Probe> FailureDetector::tick(State& state, SteadyTime started, SteadyTime now) {
  std::vector<Probe> probes;
  std::optional<SteadyTime> latest;
  for (const auto& [name, agent] : state.agents) {
    latest = std::max(latest.value_or(agent.heard), agent.heard);
  }
  if (latest) heard(state, *latest);
  const std::set<std::string> in_use = agents_in_use(state);
  std::erase_if(suspects_, [&](const auto& entry) { return !in_use.contains(entry.first); });
  std::erase_if(state.lost, [&](const std::string& name) { return !in_use.contains(name); });
  std::vector<std::pair<std::string, bool>> silent;  // And whether long enough.
  for (const std::string& name : in_use) {
    const Agent* agent = state.agent(name);
    const Silence silence = silence_of(agent, started);
    if (now - silence.since < kProbeAfter) {
      suspects_.erase(name);
      state.lost.erase(name);
      continue;
    }
    Suspect& suspect = suspects_[name];
    std::vector<std::string> endpoints =
        agent == nullptr ? std::vector<std::string>() : endpoints_of(*agent);
    if (endpoints.empty()) {
      suspect.probe_due = false;
    } else if (!state.lost.contains(name) &&
               (!suspect.probe_sent || now - *suspect.probe_sent >= kProbeInterval)) {
      suspect.probe_sent = now;
      probes.push_back({name, std::move(endpoints)});
    }
    silent.emplace_back(name, now - silence.since - suspect.not_counted >= silence.allowed);
  }
  if (silent.empty()) return probes;
  // With nobody heard lately it may be the broker that is cut off. When all are silent there is
  // nobody to move anything to, and it only has to be said.
  const auto quiet = now - heard_at_.value_or(started);
  if (quiet >= kProbeAfter && quiet < kAgentSilence) return probes;
  collect_evidence(state, now);
  for (const auto& [name, long_enough] : silent) {
    const Suspect& suspect = suspects_.at(name);
    const bool lives = suspect.evidence && now - *suspect.evidence < kEvidenceLasts;
    if (long_enough && !lives && !suspect.probe_due) state.lost.insert(name);
  }
  return probes;
}

void FailureDetector::heard(State& state, SteadyTime at) {
  const std::optional<SteadyTime> before = heard_at_;
  heard_at_ = std::max(heard_at_.value_or(at), at);
  if (!before || *heard_at_ - *before < kProbeAfter) return;
  if (*heard_at_ - *before < kAgentSilence) {
    for (auto& [name, suspect] : suspects_)
      suspect.not_counted += *heard_at_ - *before - kProbeAfter;
    return;
  }
  back_at_ = heard_at_;
  state.lost.clear();
}

FailureDetector::Silence FailureDetector::silence_of(const Agent* agent, SteadyTime started) const {
  if (agent != nullptr && (!back_at_ || agent->heard >= *back_at_)) {
    return {agent->heard, kAgentSilence};
  }
  return {std::max(started, back_at_.value_or(started)), kSilenceAtStart};
}

void FailureDetector::probed(const std::string& agent, bool answered, SteadyTime now) {
  const auto found = suspects_.find(agent);
  if (found == suspects_.end()) return;
  found->second.probe_due = false;
  if (answered) found->second.evidence = now;
}

// What neighbours hear, as their agents reported it just now.
void FailureDetector::collect_evidence(const State& state, SteadyTime now) {
  std::map<std::pair<std::string, std::string>, std::string> agent_of;  // By pipeline and lane.
  for (const auto& [key, placed] : state.placements) {
    if (!suspects_.contains(placed.agent)) continue;
    agent_of[{key.pipeline, wire::lane_name(key.node, key.instance, key.drained_term)}] =
        placed.agent;
  }
  for (const auto& [name, agent] : state.agents) {
    if (suspects_.contains(name) || now - agent.heard >= kProbeAfter) continue;
    for (const auto& [key, status] : agent.instances) {
      for (const std::string& lane : status.heard) {
        const auto found = agent_of.find({key.pipeline, lane});
        if (found == agent_of.end()) continue;
        std::optional<SteadyTime>& evidence = suspects_.at(found->second).evidence;
        evidence = std::max(evidence.value_or(agent.heard), agent.heard);
      }
    }
  }
}

}  // namespace weir::broker
