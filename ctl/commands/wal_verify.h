// weirctl wal verify: check a log.
#pragma once

#include "ctl/cli/program.h"

namespace weir::ctl {

void add_wal_verify(Program& program);

}  // namespace weir::ctl
