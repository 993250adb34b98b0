#include "schema/runtime/local_listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "schema/base/files.h"

namespace weir::runtime {
namespace {

constexpr int kBacklog = 1024;
constexpr auto kFolderLimit = std::chrono::milliseconds(1000);
constexpr int kFolderPollMs = 5;

// Two processes that find the same dead socket must not both replace it.
Result<UniqueFd> lock_folder(const std::string& folder) {
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return errno_error("open folder " + folder, errno);
  const auto limit = std::chrono::steady_clock::now() + kFolderLimit;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return errno_error("lock folder " + folder, errno);
    if (std::chrono::steady_clock::now() >= limit) {
      return Error{ErrorCode::kTimeout, "another process keeps a lock on the folder " + folder};
    }
    ::poll(nullptr, 0, kFolderPollMs);
  }
  return fd;
}

// What the socket's own mode is to be.
Result<mode_t> mode_for(const std::string& folder) {
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) return errno_error("look at folder " + folder, errno);
  const bool sticky = (info.st_mode & S_ISVTX) != 0;
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky) {
    return Error{ErrorCode::kInvalid,
                 "others may write into the folder " + folder +
                     ", and so could put a socket of theirs in place of this one; give it a folder "
                     "of its own (mkdir -m 700)"};
  }
  const bool closed_to_others = (info.st_mode & S_IRWXO) == 0;
  return closed_to_others ? mode_t{0660} : mode_t{0600};
}

bool address_of(const std::string& path, sockaddr_un* address) {
  if (path.empty() || path.size() >= sizeof address->sun_path) return false;
  address->sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address->sun_path);
  return true;
}

// Makes room at `path`, if what is there may be replaced.
Status clear(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return errno_error("look at " + path, errno);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return Error{ErrorCode::kInvalid,
                 path +
                     " is there and is not a socket; it is left alone: remove it, or listen "
                     "elsewhere"};
  }
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return errno_error("open a socket", errno);
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  const int failure = ::connect(fd.get(), to, sizeof address) == 0 ? 0 : errno;
  if (failure == ENOENT) return {};
  if (failure == EACCES) return errno_error("look at who listens at " + path, failure);
  if (failure != ECONNREFUSED) {
    return Error{ErrorCode::kConflict, "another process listens at " + path};
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return errno_error("remove the dead socket " + path, errno);
  }
  return {};
}

}  // namespace

Result<LocalListener> LocalListener::open(const std::string& path) {
  sockaddr_un address{};
  if (!address_of(path, &address)) {
    return Error{ErrorCode::kInvalid, "'" + path + "' is no path for a socket: 1 to " +
                                          std::to_string(sizeof address.sun_path - 1) + " bytes"};
  }
  const std::string folder = folder_of(path);
  const Result<mode_t> mode = mode_for(folder);
  if (!mode) return mode.error();
  const Result<UniqueFd> lock = lock_folder(folder);
  if (!lock) return lock.error();
  if (Status cleared = clear(path, address); !cleared) return std::move(cleared).error();
  LocalListener listener;
  listener.fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!listener.fd_.valid()) return errno_error("open a socket", errno);
  const auto* at = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(listener.fd_.get(), at, sizeof address) != 0) return errno_error("bind", errno);
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return errno_error("look at " + path, errno);
  listener.path_ = path;
  listener.device_ = info.st_dev;
  listener.inode_ = info.st_ino;
  // Nobody can connect before it listens.
  if (::chmod(path.c_str(), *mode) != 0) return errno_error("chmod " + path, errno);
  if (::listen(listener.fd_.get(), kBacklog) != 0) return errno_error("listen", errno);
  return listener;
}

LocalListener::LocalListener(LocalListener&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_),
      fd_(std::move(other.fd_)) {}

LocalListener& LocalListener::operator=(LocalListener&& other) noexcept {
  if (this == &other) return *this;
  remove();
  path_ = std::exchange(other.path_, {});
  device_ = other.device_;
  inode_ = other.inode_;
  fd_ = std::move(other.fd_);
  return *this;
}

LocalListener::~LocalListener() { remove(); }

void LocalListener::remove() {
  struct stat info {};
  if (path_.empty() || ::lstat(path_.c_str(), &info) != 0) return;
  if (info.st_dev == device_ && info.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace weir::runtime
