#include "schema/base/files.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "schema/base/unique_fd.h"

namespace weir {
namespace {

void wait_for(int fd, short events) {
  pollfd poll{fd, events, 0};
  // An error or a hang-up ends it too: the call that follows says which.
  while (::poll(&poll, 1, -1) < 0 && errno == EINTR) {
  }
}

}  // namespace

void wait_writable(int fd) { wait_for(fd, POLLOUT); }
void wait_readable(int fd) { wait_for(fd, POLLIN); }

Status write_all(int fd, std::string_view bytes, const std::string& what) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      wait_writable(fd);
      continue;
    }
    if (count < 0) return errno_error("write " + what, errno);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

Status replace_file(const std::string& path, std::string_view bytes, Sync sync) {
  const std::string fresh = path + ".new";
  {
    const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd.valid()) return errno_error("write " + fresh, errno);
    if (Status written = write_all(fd.get(), bytes, fresh); !written) return written;
    if (sync != Sync::kNo && ::fsync(fd.get()) != 0) return errno_error("sync " + fresh, errno);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return errno_error("rename " + fresh, errno);
  if (sync == Sync::kYes) return sync_folder(folder_of(path));
  return {};
}

Status sync_folder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return errno_error("open folder " + folder, errno);
  if (::fsync(fd.get()) != 0) return errno_error("sync folder " + folder, errno);
  return {};
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<uint64_t> random_number() {
  uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
    return errno_error("getrandom", errno);
  }
  return number;
}

}  // namespace weir
