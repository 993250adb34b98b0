#include "ctl/base/exit_code.h"

namespace weir::ctl {

ExitCode exit_code_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return kNotFound;
    case ErrorCode::kUnavailable:
      return kBrokerNotReached;
    case ErrorCode::kTimeout:
      return kTimedOut;
    case ErrorCode::kConflict:
      return kConflict;
    case ErrorCode::kInvalid:
    case ErrorCode::kCorrupt:
    case ErrorCode::kLimit:
    case ErrorCode::kIo:
      return kFailed;
  }
  return kFailed;
}

}  // namespace weir::ctl
