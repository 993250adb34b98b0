#include "wrapper/tail/watcher.h"

#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "wrapper/tail/names.h"

namespace weir::tail {
namespace {

constexpr uint32_t kNames =
    IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr uint32_t kWatched = kNames | IN_MODIFY | IN_ONLYDIR;

// Others may write to it, of whom this kernel knows nothing.
bool is_shared(const std::string& folder) {
  constexpr std::array<uint32_t, 12> kTypes{
      NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, SMB2_SUPER_MAGIC, CIFS_SUPER_MAGIC, FUSE_SUPER_MAGIC,
      CEPH_SUPER_MAGIC, V9FS_MAGIC,      AFS_SUPER_MAGIC,  CODA_SUPER_MAGIC,
      0x01161970,  // GFS2
      0x7461636f,  // OCFS2
      0x0bd00bd0,  // Lustre
  };
  struct statfs info {};
  if (::statfs(folder.c_str(), &info) != 0) return false;
  return std::find(kTypes.begin(), kTypes.end(), static_cast<uint32_t>(info.f_type)) !=
         kTypes.end();
}

}  // namespace

Watcher::Watcher() : inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (!inotify_.valid()) cannot("", ::strerrordesc_np(errno));
}

void Watcher::cannot(const std::string& folder, const std::string& why) {
  tells_all_ = false;
  if (std::exchange(reason_told_, true)) return;
  reason_ = (folder.empty() ? "" : folder + ": ") + why + ": files are looked at each second";
}

void Watcher::watch(const std::set<std::string>& folders) {
  if (!inotify_.valid()) return;
  tells_all_ = true;
  std::map<int, std::string> watched;
  for (const std::string& folder : folders) {
    // The same folder gives the same watch.
    const int watch = ::inotify_add_watch(inotify_.get(), folder.c_str(), kWatched);
    if (watch >= 0) {
      watched.emplace(watch, folder);
      if (is_shared(folder)) cannot(folder, "is shared with other hosts");
    } else if (errno != ENOENT && errno != ENOTDIR) {
      const bool is_limit = errno == ENOSPC;
      cannot(folder, is_limit ? "no inotify watch is left (fs.inotify.max_user_watches)"
                              : ::strerrordesc_np(errno));
    }
  }
  for (const auto& [watch, folder] : folders_) {
    if (!watched.contains(watch)) ::inotify_rm_watch(inotify_.get(), watch);
  }
  folders_ = std::move(watched);
}

void Watcher::read(const Events& events) {
  if (!inotify_.valid()) return;
  alignas(inotify_event) std::array<char, 64 << 10> buffer;
  while (true) {
    const ssize_t got = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    for (ssize_t at = 0; at < got;) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* const name = buffer.data() + at + sizeof event;
      at += static_cast<ssize_t>(sizeof event + event.len);
      // Too much happened to tell it all, or a watch is gone.
      if ((event.mask & (IN_Q_OVERFLOW | IN_IGNORED | kNames)) != 0) events.names_changed();
      const auto folder = folders_.find(event.wd);
      if ((event.mask & IN_MODIFY) == 0 || event.len == 0 || folder == folders_.end()) continue;
      events.bytes_changed(join(folder->second, name));
    }
  }
}

}  // namespace weir::tail
