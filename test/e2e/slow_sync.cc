// Loaded in front of the C library: a disk whose syncs take a second and a half in wrappers as long
// as the file named by WEIR_TEST_SLOW_SYNC is there.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <string_view>

namespace {

constexpr timespec kDelay{1, 500'000'000};

void wait_if_slow() {
  if (std::string_view(program_invocation_short_name) != "weir-wrapper") return;
  const char* file = std::getenv("WEIR_TEST_SLOW_SYNC");  // NOLINT(concurrency-mt-unsafe)
  if (file != nullptr && access(file, F_OK) == 0) nanosleep(&kDelay, nullptr);
}

int sync_by(long call, int fd) {
  wait_if_slow();
  return static_cast<int>(syscall(call, fd));
}

}  // namespace

extern "C" int fdatasync(int fd) { return sync_by(SYS_fdatasync, fd); }
extern "C" int fsync(int fd) { return sync_by(SYS_fsync, fd); }
