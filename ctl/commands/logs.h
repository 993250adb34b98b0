// weirctl logs: what programs, or their wrappers, have written to stderr.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_logs(Program& program);

}  // namespace weir::ctl
