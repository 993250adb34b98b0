// weirctl pipeline check: all that is wrong with a pipeline, without a broker.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_pipeline_check(Program& program);

}  // namespace weir::ctl
