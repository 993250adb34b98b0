#include "schema/graph/expression.h"

#include <numeric>

#include "schema/graph/names.h"
#include "schema/graph/parser.h"

namespace weir::graph {

Checked<PipelineSpec> spec_from_expression(std::string_view text) {
  const Source source{std::string(kExpressionSourceName), text};
  Problems problems;
  PipelineSpec spec;
  const std::optional<Ast> ast = parse(text, {.commands_only = true}, problems);
  if (ast) {
    const ResolvedGraph graph =
        resolve({*ast}, {.declared = std::nullopt, .allow_stdin = true}, problems);
    if (graph.is_complete) validate(graph, problems);
    spec = skeleton(kUpPipelineName, graph);
  }
  if (!problems.empty()) {
    Checked<PipelineSpec> failed;
    for (const Problem& problem : problems.all()) {
      failed.diagnostics.push_back(
          diagnostic_at(source, problem.place.offset, problem.message, problem.hint));
    }
    tidy(failed.diagnostics);
    return failed;
  }
  std::vector<bool> has_input(spec.nodes.size(), false);
  std::vector<bool> has_output(spec.nodes.size(), false);
  for (const EdgeSpec& edge : spec.edges) has_output[edge.from] = has_input[edge.to] = true;
  for (size_t i = 0; i < spec.nodes.size(); ++i) {
    NodeSpec& node = spec.nodes[i];
    set_defaults(node, !has_input[i], !has_output[i]);
    if (node.caller_stdin) continue;
    node.rerun = !has_input[i];
    node.accept.resize(kShellAcceptMax + 1);
    std::iota(node.accept.begin(), node.accept.end(), 0);
  }
  return {std::move(spec), {}};
}

PipelineSpec skeleton(std::string_view name, const ResolvedGraph& graph) {
  PipelineSpec spec;
  spec.name = std::string(name);
  spec.dataflow = graph.dataflow;
  for (const ResolvedNode& resolved : graph.nodes) {
    NodeSpec node;
    node.name = resolved.name;
    node.run = resolved.command;
    node.caller_stdin = resolved.kind == ResolvedNode::Kind::kStdin;
    spec.nodes.push_back(std::move(node));
  }
  for (const ResolvedEdge& edge : graph.edges) spec.edges.push_back(edge.edge);
  return spec;
}

void set_defaults(NodeSpec& node, bool is_source, bool is_sink) {
  using std::chrono::seconds;
  node.accept = is_lone_grep(node.run) ? std::vector<int>{0, 1} : std::vector<int>{0};
  node.durability = is_source || is_sink ? Durability::kDisk : Durability::kProcess;
  node.stall_timeout = node.protocol == Protocol::kPipe ? seconds(0) : seconds(60);
}

}  // namespace weir::graph
