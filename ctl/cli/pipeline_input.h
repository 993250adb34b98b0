// A pipeline from the command line: a file, stdin, or an expression.
#pragma once

#include <iosfwd>
#include <string>

#include "ctl/base/command.h"
#include "schema/base/result.h"
#include "schema/config/pipeline_file.h"
#include "schema/graph/diagnostic.h"
#include "schema/graph/pipeline.h"

namespace weir::ctl {

struct PipelineInput {
  std::string file;  // "-": stdin.
  std::string expression;
  bool has_expression = false;
};

// Adds `FILE` and `-e EXPR`, of which one may be given. `input` must live as long as the command.
void add_pipeline_input(Command command, PipelineInput& input);

// The pipeline, or what is wrong with it. An Error: it could not be read at all (kNotFound, kIo,
// kLimit), or nothing was given (kInvalid). `text`: the file as it was read, if that is wanted.
Result<graph::Checked<graph::PipelineSpec>> load_pipeline(
    const PipelineInput& input, const config::PipelineFileOptions& options, std::istream& in,
    std::string* text = nullptr);

// The same for several expressions, as `up` takes them.
graph::Checked<graph::PipelineSpec> load_expressions(const std::vector<std::string>& expressions);

// What diagnostics call this input.
std::string input_name(const PipelineInput& input);

}  // namespace weir::ctl
