// weirctl pipeline rm: a pipeline with all its logs.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_pipeline_rm(Program& program);

}  // namespace weir::ctl
