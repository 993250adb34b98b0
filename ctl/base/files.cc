#include "ctl/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "schema/base/unique_fd.h"

namespace weir::ctl {
Result<std::optional<std::string>> read_small_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return std::optional<std::string>();
    return errno_error("read " + path, errno);
  }
  std::string bytes;
  char buffer[16384];
  while (true) {
    const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("read " + path, errno);
    if (count == 0) return std::optional<std::string>(std::move(bytes));
    bytes.append(buffer, static_cast<size_t>(count));
    if (bytes.size() > kSmallFileBytesMax) return Error{ErrorCode::kLimit, path + ": too large"};
  }
}

Status make_folder(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return {};
  if (errno == ENOENT) {
    const size_t slash = path.find_last_of('/');
    if (slash != std::string::npos && slash > 0) {
      if (Status above = make_folder(path.substr(0, slash), 0777); !above) return above;
      if (::mkdir(path.c_str(), mode) == 0) return {};
    }
  }
  const int error = errno;
  struct stat info {};
  if (error == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  std::error_code failure;
  const std::filesystem::path target = std::filesystem::read_symlink(path, failure);
  if (!failure && !std::filesystem::exists(path, failure)) {
    return Error{ErrorCode::kConflict,
                 path + " is a link to " + target.string() +
                     ", which is not there: make that folder, or name another"};
  }
  return errno_error("make folder " + path, error == EEXIST ? ENOTDIR : error);
}

Result<std::string> make_fresh_folder(const std::string& prefix) {
  std::string path = prefix + "XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return errno_error("make folder " + path, errno);
  return path;
}

}  // namespace weir::ctl
