// weirctl action get: a program from the broker.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_action_get(Program& program);

}  // namespace weir::ctl
