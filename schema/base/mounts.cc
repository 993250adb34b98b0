#include "schema/base/mounts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <fstream>
#include <sstream>

namespace weir {
namespace {

// Of a path in mountinfo: blanks and the like are \040.
std::string unescaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Of the mount with this number; empty if it is not known.
std::string mount_point(uint64_t number) {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    uint64_t id = 0;
    std::string parent, device, root, point;
    if (fields >> id >> parent >> device >> root >> point && id == number) return unescaped(point);
  }
  return "";
}

}  // namespace

std::optional<std::string> noexec_mount(const std::string& path) {
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) != 0 || (disk.f_flag & ST_NOEXEC) == 0) return std::nullopt;
  struct statx info {};
  std::string point;
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID, &info) == 0 &&
      (info.stx_mask & STATX_MNT_ID) != 0) {
    point = mount_point(info.stx_mnt_id);
  }
  return point.empty() ? "its file system" : point;
}

std::string noexec_text(const std::string& mount) {
  return "is on " + mount +
         ", which is mounted noexec: no program there can be run; move it to another file system, "
         "or remount that one with exec";
}

}  // namespace weir
