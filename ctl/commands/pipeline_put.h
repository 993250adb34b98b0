// weirctl pipeline put: a pipeline, and the programs that it brings, to the broker.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_pipeline_put(Program& program);

}  // namespace weir::ctl
