// weirctl dead drop: dead letters that nobody wants are deleted.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_dead_drop(Program& program);

}  // namespace weir::ctl
