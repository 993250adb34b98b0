// weirctl pipeline get: a pipeline as a file.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_pipeline_get(Program& program);

}  // namespace weir::ctl
