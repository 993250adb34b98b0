// weirctl status: the whole cluster on one screen.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_status(Program& program);

}  // namespace weir::ctl
