// weirctl action put: a program to the broker.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_action_put(Program& program);

}  // namespace weir::ctl
