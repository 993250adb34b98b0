#include "schema/runtime/daemon.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <vector>

namespace weir::runtime {
namespace {

bool is_ignored(int signal) {
  struct sigaction now {};
  return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

}  // namespace

void reserve_standard_descriptors() {
  int fd = 0;
  // The lowest free number is taken each time.
  do {
    fd = ::open("/dev/null", O_RDWR);  // NOLINT(android-cloexec-open): children share 0 to 2.
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd > STDERR_FILENO) ::close(fd);
}

Result<SignalWatch> watch_for_stop(Loop& loop, bool supervised, const std::function<void()>& stop) {
  std::vector<int> signals;
  if (!is_ignored(SIGTERM)) signals.push_back(SIGTERM);
  if (supervised) {
    ignore_signal(SIGINT);
  } else if (!is_ignored(SIGINT)) {
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
