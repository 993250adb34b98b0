// How weirctl ends. Scripts rely on these numbers.
#pragma once

#include "schema/base/error.h"

namespace weir::ctl {

enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kNotFound = 3,
  kBrokerNotReached = 4,
  kTimedOut = 5,
  kConflict = 6,
  kInterrupted = 130,
};

ExitCode exit_code_for(ErrorCode code);

}  // namespace weir::ctl
