// weirctl up: a whole cluster in the foreground.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_up(Program& program);

}  // namespace weir::ctl
