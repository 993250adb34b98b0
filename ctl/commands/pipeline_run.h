// weirctl pipeline run: a stored pipeline is to run.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_pipeline_run(Program& program);

}  // namespace weir::ctl
