// weirctl top: what each node does, as it does it.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_top(Program& program);

}  // namespace weir::ctl
