// The instances of a pipeline's nodes, and which of them writes to which: made once from its spec,
// and walked by all that decides about it. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schema/graph/pipeline.h"
#include "schema/wire/control.h"

namespace weir::broker {

struct InstanceGraph {
  struct Instance {
    wire::InstanceKey key;
    uint32_t node = 0;              // Index in the spec.
    std::vector<uint32_t> inputs;   // Instances that write to it, ascending.
    std::vector<uint32_t> outputs;  // Instances that read it, likewise.
  };

  InstanceGraph() = default;
  explicit InstanceGraph(const graph::PipelineSpec& spec);

  // What is drained beside an instance has that one's index.
  std::optional<uint32_t> find(const wire::InstanceKey& key) const;
  bool has_node(const std::string& name) const { return by_node.contains(name); }

  std::vector<Instance> instances;          // By node, then by number.
  std::map<std::string, uint32_t> by_node;  // The first instance of each node.
  std::vector<uint32_t> readers_first;      // All instances, each after all that it writes to.
};

}  // namespace weir::broker
