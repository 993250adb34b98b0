// weirctl pipeline abandon: what only lost servers hold is given up.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_pipeline_abandon(Program& program);

}  // namespace weir::ctl
