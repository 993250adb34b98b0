// weirctl pipeline stop: a pipeline is to stop, or to end.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_pipeline_stop(Program& program);

}  // namespace weir::ctl
