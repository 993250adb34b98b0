// The shape of a pipeline, for programs.
#pragma once

#include <nlohmann/json.hpp>

#include "schema/graph/pipeline.h"

namespace weir::ctl {

// {"name", "dataflow", "nodes": [{"name", "inputs", "outputs"}]}
nlohmann::ordered_json graph_json(const graph::PipelineSpec& spec);

}  // namespace weir::ctl
