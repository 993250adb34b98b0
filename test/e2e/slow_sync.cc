// Loaded in front of the C library: a disk whose syncs take a second and a half as long as the file
// named by WEIR_TEST_SLOW_SYNC is there; in the program named by WEIR_TEST_SLOW_PROGRAM (default:
// weir-wrapper), and of files with WEIR_TEST_SLOW_PATH in their paths (default: all).
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

namespace {

constexpr timespec kDelay{1, 500'000'000};

std::string_view environment(const char* name, std::string_view otherwise) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? otherwise : value;
}

void wait_if_slow(int fd) {
  const std::string_view program = environment("WEIR_TEST_SLOW_PROGRAM", "weir-wrapper");
  if (program_invocation_short_name != program) return;
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  char path[4096];
  const ssize_t size = readlink(link.c_str(), path, sizeof path);
  if (size < 0) return;
  const std::string_view name(path, static_cast<size_t>(size));
  if (name.find(environment("WEIR_TEST_SLOW_PATH", "")) == std::string_view::npos) return;
  const std::string file(environment("WEIR_TEST_SLOW_SYNC", ""));
  if (!file.empty() && access(file.c_str(), F_OK) == 0) nanosleep(&kDelay, nullptr);
}

int sync_by(long call, int fd) {
  wait_if_slow(fd);
  return static_cast<int>(syscall(call, fd));
}

}  // namespace

extern "C" int fdatasync(int fd) { return sync_by(SYS_fdatasync, fd); }
extern "C" int fsync(int fd) { return sync_by(SYS_fsync, fd); }
