// weirctl pipeline list: all pipelines, a line each.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_pipeline_list(Program& program);

}  // namespace weir::ctl
