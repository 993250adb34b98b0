#include "broker/core/instance_graph.h"

#include "schema/graph/topology.h"

namespace weir::broker {

InstanceGraph::InstanceGraph(const graph::PipelineSpec& spec) {
  std::vector<uint32_t> first;  // By node, and the end.
  for (uint32_t node = 0; node < spec.nodes.size(); ++node) {
    first.push_back(static_cast<uint32_t>(instances.size()));
    by_node.emplace(spec.nodes[node].name, first.back());
    for (uint32_t number = 0; number < graph::instance_count(spec.nodes[node]); ++number) {
      instances.push_back({{spec.name, spec.nodes[node].name, number}, node, {}, {}});
    }
  }
  first.push_back(static_cast<uint32_t>(instances.size()));
  const graph::Neighbours neighbours(spec);
  const auto all_of = [&](const std::vector<uint32_t>& nodes) {
    std::vector<uint32_t> all;
    for (const uint32_t node : nodes) {
      for (uint32_t at = first[node]; at < first[node + 1]; ++at) all.push_back(at);
    }
    return all;
  };
  for (Instance& instance : instances) {
    instance.inputs = all_of(neighbours.inputs[instance.node]);
    instance.outputs = all_of(neighbours.outputs[instance.node]);
  }
  readers_first = all_of(graph::topological_order(spec));
  readers_first = {readers_first.rbegin(), readers_first.rend()};
}

std::optional<uint32_t> InstanceGraph::find(const wire::InstanceKey& key) const {
  const auto found = by_node.find(key.node);
  if (found == by_node.end()) return std::nullopt;
  const uint64_t at = uint64_t{found->second} + key.instance;
  if (at >= instances.size() || instances[at].key.node != key.node) return std::nullopt;
  return static_cast<uint32_t>(at);
}

}  // namespace weir::broker
