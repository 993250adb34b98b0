// What `weirctl up` looks at before it makes anything: what is missing is said at once, and nothing
// has to be taken away again. Blocks for some milliseconds.
#pragma once

#include <cstddef>
#include <string>

#include "schema/base/result.h"
#include "schema/graph/pipeline.h"

namespace weir::ctl {

// Errors: kIo, kLimit. `to_stdout`: results go there.
Status preflight(const graph::PipelineSpec& spec, size_t agents, bool to_stdout);

// The folder that programs run in. kIo if it was removed.
Result<std::string> current_folder();

}  // namespace weir::ctl
