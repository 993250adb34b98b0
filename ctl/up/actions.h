// The programs that a pipeline file names, found on this machine: `up` runs them where they are.
#pragma once

#include <string>
#include <vector>

#include "schema/graph/pipeline.h"

namespace weir::ctl {

// Replaces the names of actions by the absolute paths of their files, which are relative to
// `folder`. Returns what is wrong, a sentence for each file: it is missing, a folder, not a regular
// file, not executable.
std::vector<std::string> resolve_actions(graph::PipelineSpec& spec, const std::string& folder);

// The agents that `up` starts: each name in `hosts` once, in order; then agent-1, agent-2, ...
// until there are `count`; at least one.
std::vector<std::string> agent_names(const graph::PipelineSpec& spec, uint32_t count);

}  // namespace weir::ctl
