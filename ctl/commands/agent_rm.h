// weirctl agent rm: forgets a server that is gone for good.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_agent_rm(Program& program);

}  // namespace weir::ctl
