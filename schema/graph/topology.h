// Questions about the shape of a pipeline. All functions expect edges that are in range; see
// check_topology() for a specification that came from elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "schema/graph/pipeline.h"

namespace weir::graph {

// The index of the node with this name.
std::optional<uint32_t> find_node(const PipelineSpec& spec, std::string_view name);

// Neighbours, ascending.
std::vector<uint32_t> inputs_of(const PipelineSpec& spec, uint32_t node);
std::vector<uint32_t> outputs_of(const PipelineSpec& spec, uint32_t node);

// The same, and find_node(), looked up once for who asks often.
struct Neighbours {
  Neighbours() = default;
  explicit Neighbours(const PipelineSpec& spec);

  std::vector<std::vector<uint32_t>> inputs;   // By node.
  std::vector<std::vector<uint32_t>> outputs;  // Likewise.
  std::map<std::string, uint32_t, std::less<>> nodes;
};

// How many copies of a node run: one, until replicas come.
inline uint32_t instance_count(const NodeSpec& /*node*/) { return 1; }

bool is_source(const PipelineSpec& spec, uint32_t node);
bool is_sink(const PipelineSpec& spec, uint32_t node);

// Ascending.
std::vector<uint32_t> sources(const PipelineSpec& spec);
std::vector<uint32_t> sinks(const PipelineSpec& spec);

// All nodes, each after all of its inputs; among those that are free, the lowest index first. Nodes
// on a cycle and behind it are left out.
std::vector<uint32_t> topological_order(const PipelineSpec& spec);

// kInvalid unless names are good and unique, each node has one program (or is the caller's stdin),
// and edges are in range, sorted, each once, and without a cycle; kLimit if there are too many.
Status check_topology(const PipelineSpec& spec);

}  // namespace weir::graph
