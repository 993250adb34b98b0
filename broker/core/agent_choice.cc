#include "broker/core/agent_choice.h"

#include <algorithm>

namespace weir::broker {

Loads loads_of(const State& state) {
  Loads loads;
  for (const auto& [name, agent] : state.agents) {
    if (!agent.connected) continue;
    size_t& load = loads[name];
    const auto kept = state.kept.find(name);
    if (kept == state.kept.end()) continue;
    for (const wire::InstanceKey& key : kept->second) {
      const Placement& placed = state.placements.at(key);
      if (placed.agent == name && !placed.gone) ++load;
    }
  }
  return loads;
}

bool may_be_on(const graph::NodeSpec& node, const std::string& agent) {
  return node.hosts.empty() ||
         std::find(node.hosts.begin(), node.hosts.end(), agent) != node.hosts.end();
}

bool may_be_at(const State& state, const wire::InstanceKey& key, const std::string& agent) {
  const Pipeline* const pipeline = state.pipeline(key.pipeline);
  const auto instance = pipeline == nullptr ? std::nullopt : pipeline->find(key);
  return instance && may_be_on(pipeline->node(*instance), agent);
}

std::optional<std::string> choose_agent(const Loads& loads, const graph::NodeSpec& node) {
  for (const std::string& host : node.hosts) {
    if (loads.contains(host)) return host;
  }
  if (!node.hosts.empty()) return std::nullopt;
  const auto least = std::min_element(
      loads.begin(), loads.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (least == loads.end()) return std::nullopt;
  return least->first;
}

}  // namespace weir::broker
