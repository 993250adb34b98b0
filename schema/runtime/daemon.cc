#include "schema/runtime/daemon.h"

#include <csignal>
#include <vector>

namespace weir::runtime {
Result<SignalWatch> watch_for_stop(Loop& loop, bool supervised, const std::function<void()>& stop) {
  std::vector<int> signals{SIGTERM};
  if (supervised) {
    ignore_signal(SIGINT);
  } else {
    signals.push_back(SIGINT);
  }
  return SignalWatch::create(loop, signals, [stop](int /*signal*/) { stop(); });
}

int exit_status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return 2;
    case ErrorCode::kConflict:
      return 6;
    case ErrorCode::kNotFound:
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kCorrupt:
    case ErrorCode::kLimit:
    case ErrorCode::kIo:
      return 1;
  }
  return 1;
}

}  // namespace weir::runtime
