// Nodes as the user names them.
#pragma once

#include <string>
#include <vector>

#include "schema/base/result.h"
#include "schema/graph/pipeline.h"

namespace weir::ctl {

// The names, in the order of the graph and once each; all nodes if there are none. kNotFound with a
// hint if the graph has no such node.
Result<std::vector<std::string>> nodes_named(const graph::PipelineSpec& spec,
                                             const std::vector<std::string>& names);

}  // namespace weir::ctl
