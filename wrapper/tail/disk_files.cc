#include "wrapper/tail/disk_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace weir::tail {
namespace {

Error failed(const std::string& what, int error) {
  const bool is_missing = error == ENOENT || error == ENOTDIR;
  return {is_missing ? ErrorCode::kNotFound : ErrorCode::kIo,
          what + ": " + ::strerrordesc_np(error)};
}

FileStat from(const struct stat& info) {
  FileStat stat;
  stat.id = {info.st_dev, info.st_ino};
  stat.bytes = static_cast<uint64_t>(info.st_size);
  stat.changed_ns =
      static_cast<int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
  stat.links = info.st_nlink;
  stat.is_regular = S_ISREG(info.st_mode);
  return stat;
}

}  // namespace

Result<std::vector<std::string>> DiskFiles::list(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
  if (!dir) return failed(folder, errno);
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(dir.get());  // NOLINT(concurrency-mt-unsafe): our own DIR
    if (entry == nullptr && errno != 0) return failed(folder, errno);
    if (entry == nullptr) return names;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
}

Result<FileStat> DiskFiles::stat(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return failed(path, errno);
  return from(info);
}

Result<std::string> DiskFiles::real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), ::free);
  if (!real) return failed(path, errno);
  return std::string(real.get());
}

Result<Handle> DiskFiles::open(const std::string& path) {
  // What became a pipe in the meantime must not be waited for.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return failed(path, errno);
  struct stat info {};
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) return fd;
  ::close(fd);
  return Error{ErrorCode::kIo, path + ": is no regular file"};
}

void DiskFiles::close(Handle handle) { ::close(handle); }

Result<FileStat> DiskFiles::stat(Handle handle) {
  struct stat info {};
  if (::fstat(handle, &info) != 0) return failed("a file that is open", errno);
  return from(info);
}

Result<size_t> DiskFiles::read(Handle handle, uint64_t offset, std::span<char> room) {
  size_t done = 0;
  while (done < room.size()) {
    const ssize_t got =
        ::pread(handle, room.data() + done, room.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("a file that is open", errno);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace weir::tail
