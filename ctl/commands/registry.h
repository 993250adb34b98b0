// All commands of weirctl.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_all_commands(Program& program);

}  // namespace weir::ctl
