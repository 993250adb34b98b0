// weirctl events: what has happened.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_events(Program& program);

}  // namespace weir::ctl
