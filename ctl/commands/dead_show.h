// weirctl dead show: one dead letter, with all that is known of it.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_dead_show(Program& program);

}  // namespace weir::ctl
