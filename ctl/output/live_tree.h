// The graph of a pipeline with what its nodes do beside it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "schema/graph/pipeline.h"
#include "schema/wire/control.h"

namespace weir::ctl {

std::string live_tree(const graph::PipelineSpec& spec, const wire::PipelineStatus& status);
// As graph_json(), with state and reason, and each node's instances.
nlohmann::ordered_json live_tree_json(const graph::PipelineSpec& spec,
                                      const wire::PipelineStatus& status);

}  // namespace weir::ctl
