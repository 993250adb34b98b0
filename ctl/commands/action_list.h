// weirctl action list: what was uploaded.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_action_list(Program& program);

}  // namespace weir::ctl
