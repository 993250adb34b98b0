#include "broker/core/dispatch.h"

#include <utility>

#include "broker/core/orders.h"

namespace weir::broker {

void Dispatch::send_orders() {
  for (const std::string& name : agents_to_order()) order(state_.agents.at(name));
}

void Dispatch::order(Agent& agent) {
  for (const std::string& pipeline : pipelines_to_order(agent)) {
    agent.feed.want(pipeline, make_orders(state_, agent, pipeline));
  }
  if (!agent.connected) return;  // It is told when it is back.
  while (auto orders = agent.feed.next(state_.last_orders_version + 1, step_.now)) {
    ++state_.last_orders_version;
    step_.send(agent.peer, "", *std::move(orders));
  }
}

// Those that have, or had, something of what has changed.
std::set<std::string> Dispatch::agents_to_order() const {
  const Changes& changes = step_.changes;
  std::set<std::string> names;
  for (const auto& [name, agent] : state_.agents) {
    bool touched = changes.agents.contains(name);
    for (auto at = changes.pipelines.begin(); !touched && at != changes.pipelines.end(); ++at) {
      const auto first = agent.instances.lower_bound(wire::InstanceKey{*at, "", 0, 0});
      touched = first != agent.instances.end() && first->first.pipeline == *at;
    }
    if (touched) names.insert(name);
  }
  for (const std::string& pipeline : changes.pipelines) {
    for (const auto& [key, placed] : state_.placements_of(pipeline)) {
      for (const std::string& name : placed.indexed) {
        if (state_.agents.contains(name)) names.insert(name);
      }
    }
  }
  return names;
}

std::set<std::string> Dispatch::pipelines_to_order(const Agent& agent) const {
  const Changes& changes = step_.changes;
  if (!changes.all) return changes.pipelines;
  std::set<std::string> names = agent.feed.pipelines();
  names.insert(changes.pipelines.begin(), changes.pipelines.end());
  if (const auto kept = state_.kept.find(agent.name); kept != state_.kept.end()) {
    for (const wire::InstanceKey& key : kept->second) names.insert(key.pipeline);
  }
  return names;
}

}  // namespace weir::broker
