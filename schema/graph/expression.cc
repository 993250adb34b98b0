#include "schema/graph/expression.h"

#include <numeric>

#include "schema/graph/names.h"
#include "schema/graph/parser.h"

namespace weir::graph {

Checked<PipelineSpec> spec_from_expression(std::string_view text) {
  return spec_from_expressions({std::string(text)});
}

Checked<PipelineSpec> spec_from_expressions(const std::vector<std::string>& texts) {
  Problems problems;
  PipelineSpec spec;
  std::vector<Ast> asts;
  for (uint32_t i = 0; i < texts.size(); ++i) {
    std::optional<Ast> ast = parse(texts[i], {.commands_only = true, .expression = i}, problems);
    if (ast) asts.push_back(*std::move(ast));
  }
  if (asts.size() == texts.size()) {
    const ResolvedGraph graph =
        resolve(asts, {.declared = std::nullopt, .allow_stdin = true}, problems);
    if (graph.is_complete) validate(graph, problems);
    spec = skeleton(kUpPipelineName, graph);
  }
  if (!problems.empty()) {
    Checked<PipelineSpec> failed;
    for (const Problem& problem : problems.all()) {
      const Source source{std::string(kExpressionSourceName), texts[problem.place.expression]};
      failed.diagnostics.push_back(
          diagnostic_at(source, problem.place.offset, problem.message, problem.hint));
    }
    // Places of different texts have no order among themselves; of one, parse() has kept it.
    if (texts.size() == 1) tidy(failed.diagnostics);
    if (failed.diagnostics.size() > kDiagnosticsMax) failed.diagnostics.resize(kDiagnosticsMax);
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
    node.accept = shell_statuses();
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

std::vector<int> shell_statuses() {
  std::vector<int> statuses(kShellAcceptMax + 1);
  std::iota(statuses.begin(), statuses.end(), 0);
  return statuses;
}

void set_defaults(NodeSpec& node, bool is_source, bool is_sink) {
  using std::chrono::seconds;
  node.accept = is_lone_grep(node.run) ? std::vector<int>{0, 1} : std::vector<int>{0};
  node.durability = is_source || is_sink ? Durability::kDisk : Durability::kProcess;
  const bool answers = node.protocol == Protocol::kLines || node.protocol == Protocol::kFrames;
  node.stall_timeout = answers ? seconds(60) : seconds(0);
}

}  // namespace weir::graph
