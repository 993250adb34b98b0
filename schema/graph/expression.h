// The command line's pipeline (`up -e`), and what pipelines from a file and from a command line
// share: the defaults, and the way from a resolved graph to a specification.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/graph/diagnostic.h"
#include "schema/graph/pipeline.h"
#include "schema/graph/resolver.h"

namespace weir::graph {

inline constexpr std::string_view kUpPipelineName = "up";
inline constexpr std::string_view kExpressionSourceName = "-e";

// In `-e` these exit statuses acknowledge, as in a shell, which reads on whatever they are (R9).
inline constexpr int kShellAcceptMax = 125;

// The pipeline that an expression of commands in quotes stands for: named "up", every node a `run`
// with unit stream, every source re-runnable.
Checked<PipelineSpec> spec_from_expression(std::string_view text);
// The same for several expressions, which are united.
Checked<PipelineSpec> spec_from_expressions(const std::vector<std::string>& texts);

// Nodes in the order of the graph, with name and command filled in and all else as NodeSpec has it;
// edges and dataflow.
PipelineSpec skeleton(std::string_view name, const ResolvedGraph& graph);

// What such a pipeline accepts: 0 to 125. 126 and 127 say that a command could not be run.
std::vector<int> shell_statuses();

// Sets what depends on the program and on the place in the graph, from `run` and `protocol` of the
// node: accept, durability and stall_timeout.
void set_defaults(NodeSpec& node, bool is_source, bool is_sink);

}  // namespace weir::graph
