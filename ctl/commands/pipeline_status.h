// weirctl pipeline status: one pipeline, node by node.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_pipeline_status(Program& program);

}  // namespace weir::ctl
