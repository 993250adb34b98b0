#include "schema/graph/topology.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <set>
#include <string>

#include "schema/graph/names.h"
#include "schema/graph/resolver.h"

namespace weir::graph {
namespace {

Status invalid(std::string what) { return Error{ErrorCode::kInvalid, std::move(what)}; }

Status check_node(const NodeSpec& node) {
  if (node.caller_stdin) {
    if (node.name == "-" && node.run.empty() && node.action.empty()) return {};
    return invalid("the caller's stdin must be named '-' and has no program");
  }
  if (!is_node_name(node.name)) return invalid("'" + node.name + "' is not a node name");
  if (node.run.empty() == node.action.empty()) {
    return invalid("node '" + node.name + "' must have either an action or a command");
  }
  return {};
}

Status check_edges(const PipelineSpec& spec) {
  const auto count = static_cast<uint32_t>(spec.nodes.size());
  for (size_t i = 0; i < spec.edges.size(); ++i) {
    const EdgeSpec& edge = spec.edges[i];
    if (edge.from >= count || edge.to >= count) return invalid("an edge names no node");
    if (i > 0 && !(spec.edges[i - 1] < edge)) return invalid("the edges are not in order");
    if (spec.nodes[edge.to].caller_stdin) return invalid("the caller's stdin has an input");
  }
  if (topological_order(spec).size() != count) return invalid("the graph has a cycle");
  return {};
}

std::vector<uint32_t> nodes_without(const PipelineSpec& spec, uint32_t EdgeSpec::*end) {
  std::vector<bool> has(spec.nodes.size(), false);
  for (const EdgeSpec& edge : spec.edges) has[edge.*end] = true;
  std::vector<uint32_t> result;
  for (uint32_t node = 0; node < has.size(); ++node) {
    if (!has[node]) result.push_back(node);
  }
  return result;
}

}  // namespace

std::optional<uint32_t> find_node(const PipelineSpec& spec, std::string_view name) {
  for (uint32_t node = 0; node < spec.nodes.size(); ++node) {
    if (spec.nodes[node].name == name) return node;
  }
  return std::nullopt;
}

std::vector<uint32_t> inputs_of(const PipelineSpec& spec, uint32_t node) {
  std::vector<uint32_t> result;
  for (const EdgeSpec& edge : spec.edges) {
    if (edge.to == node) result.push_back(edge.from);
  }
  return result;
}

std::vector<uint32_t> outputs_of(const PipelineSpec& spec, uint32_t node) {
  std::vector<uint32_t> result;
  for (const EdgeSpec& edge : spec.edges) {
    if (edge.from == node) result.push_back(edge.to);
  }
  return result;
}

Neighbours::Neighbours(const PipelineSpec& spec)
    : inputs(spec.nodes.size()), outputs(spec.nodes.size()) {
  for (const EdgeSpec& edge : spec.edges) {
    inputs[edge.to].push_back(edge.from);
    outputs[edge.from].push_back(edge.to);
  }
  for (uint32_t node = 0; node < spec.nodes.size(); ++node) nodes[spec.nodes[node].name] = node;
}

bool is_source(const PipelineSpec& spec, uint32_t node) {
  return std::none_of(spec.edges.begin(), spec.edges.end(),
                      [node](const EdgeSpec& edge) { return edge.to == node; });
}

bool is_sink(const PipelineSpec& spec, uint32_t node) {
  return std::none_of(spec.edges.begin(), spec.edges.end(),
                      [node](const EdgeSpec& edge) { return edge.from == node; });
}

std::vector<uint32_t> sources(const PipelineSpec& spec) {
  return nodes_without(spec, &EdgeSpec::to);
}

std::vector<uint32_t> sinks(const PipelineSpec& spec) {
  return nodes_without(spec, &EdgeSpec::from);
}

std::vector<uint32_t> topological_order(const PipelineSpec& spec) {
  std::vector<uint32_t> missing(spec.nodes.size(), 0);
  std::vector<std::vector<uint32_t>> readers(spec.nodes.size());
  for (const EdgeSpec& edge : spec.edges) {
    ++missing[edge.to];
    readers[edge.from].push_back(edge.to);
  }
  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> free;
  for (uint32_t node = 0; node < missing.size(); ++node) {
    if (missing[node] == 0) free.push(node);
  }
  std::vector<uint32_t> order;
  while (!free.empty()) {
    const uint32_t node = free.top();
    free.pop();
    order.push_back(node);
    for (const uint32_t reader : readers[node]) {
      if (--missing[reader] == 0) free.push(reader);
    }
  }
  return order;
}

Status check_topology(const PipelineSpec& spec) {
  if (!is_pipeline_name(spec.name)) return invalid("'" + spec.name + "' is not a pipeline name");
  if (spec.nodes.empty()) return invalid("the pipeline has no nodes");
  if (spec.nodes.size() > kNodesMax || spec.edges.size() > kEdgesMax) {
    return Error{ErrorCode::kLimit, "the pipeline has too many nodes or edges"};
  }
  std::set<std::string_view> names;
  for (const NodeSpec& node : spec.nodes) {
    if (Status status = check_node(node); !status) return status;
    if (!names.insert(node.name).second) return invalid("two nodes are named '" + node.name + "'");
  }
  return check_edges(spec);
}

}  // namespace weir::graph
