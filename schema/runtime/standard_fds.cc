#include "schema/runtime/standard_fds.h"

#include <fcntl.h>
#include <unistd.h>

#include <initializer_list>

namespace weir::runtime {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

StandardFds reserve() {
  const StandardFds fds{is_open(STDIN_FILENO), is_open(STDOUT_FILENO), is_open(STDERR_FILENO)};
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (is_open(fd)) continue;
    // The lowest number that is free is this one, because those below it are taken.
    const int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    (void)::open("/dev/null", mode);  // NOLINT(android-cloexec-open): like the one that is missing.
  }
  return fds;
}

}  // namespace

const StandardFds& reserve_standard_fds() {
  static const StandardFds fds = reserve();
  return fds;
}

bool is_writable(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

}  // namespace weir::runtime
