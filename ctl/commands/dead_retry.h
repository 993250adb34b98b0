// weirctl dead retry: dead letters are given to their program again.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_dead_retry(Program& program);

}  // namespace weir::ctl
