// The pipeline file: TOML text to graph::PipelineSpec, and back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/graph/diagnostic.h"
#include "schema/graph/pipeline.h"

namespace weir::config {

struct PipelineFileOptions {
  // `-` may be an entry: the file is for `weirctl up`, which has a stdin.
  bool allow_stdin = false;
  // An action that the file does not declare is not an error: a broker may know it.
  bool allow_unknown_actions = false;
};

// The specification with every default filled in, or all that is wrong with the file, in the order
// of its text. Never throws; bounded in time and memory by the size of the text, which is limited
// to kTomlBytesMax.
graph::Checked<graph::PipelineSpec> read_pipeline(const graph::Source& source,
                                                  const PipelineFileOptions& options);

// TOML that read_pipeline (with both options on) reads back as an equal specification, if `spec` is
// one that read_pipeline or graph::spec_from_expression can give.
std::string print_pipeline(const graph::PipelineSpec& spec);

// All keys: "name", "dataflow", "action.X.file", "node.X.run", ...
std::vector<std::string> pipeline_keys();

}  // namespace weir::config
