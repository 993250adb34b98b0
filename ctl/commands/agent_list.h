// weirctl agent list: the servers.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_agent_list(Program& program);

}  // namespace weir::ctl
