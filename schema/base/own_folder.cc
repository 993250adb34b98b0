#include "schema/base/own_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace weir {
namespace {

std::string octal(mode_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

}  // namespace

Status make_folders(const std::string& path, mode_t mode) {
  for (size_t end = 1; end != std::string::npos;) {
    end = path.find('/', end);
    const std::string part = path.substr(0, end);
    if (end != std::string::npos) ++end;
    if (::mkdir(part.c_str(), mode) == 0 || errno == EEXIST) continue;
    const int failure = errno;
    struct stat info {};
    // A read-only file system says EROFS of what is there as well.
    if (::stat(part.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) continue;
    return errno_error("make folder " + part, failure);
  }
  return {};
}

Status make_own_folder(const std::string& path, Access access) {
  if (Status made = make_folders(path, 0700); !made) return made;
  return check_own_folder(path, access);
}

Status check_own_folder(const std::string& path, Access access) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return errno_error("look at folder " + path, errno);
  if (!S_ISDIR(info.st_mode)) return Error{ErrorCode::kInvalid, path + " is not a folder"};
  if (info.st_uid != ::geteuid()) {
    return Error{ErrorCode::kInvalid,
                 path + " belongs to user " + std::to_string(info.st_uid) + ", and this runs as " +
                     std::to_string(::geteuid()) +
                     ": run it as that user, give it another folder, or 'chown -R " +
                     std::to_string(::geteuid()) + " " + path + "'"};
  }
  const mode_t others =
      access == Access::kGroup ? mode_t{S_IWGRP | S_IRWXO} : mode_t{S_IRWXG | S_IRWXO};
  if ((info.st_mode & others) != 0) {
    const std::string wanted = access == Access::kGroup ? "g-w,o=" : "go=";
    return Error{ErrorCode::kInvalid, path + " is open to other users (mode " +
                                          octal(info.st_mode) + "): 'chmod " + wanted + " " + path +
                                          "'"};
  }
  return {};
}

}  // namespace weir
