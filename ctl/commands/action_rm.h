// weirctl action rm: versions that are not needed any more.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_action_rm(Program& program);

}  // namespace weir::ctl
