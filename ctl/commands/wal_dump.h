// weirctl wal dump: show what a log holds.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_wal_dump(Program& program);

}  // namespace weir::ctl
