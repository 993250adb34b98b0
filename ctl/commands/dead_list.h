// weirctl dead list: the dead letters of a run, one line each.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_dead_list(Program& program);

}  // namespace weir::ctl
