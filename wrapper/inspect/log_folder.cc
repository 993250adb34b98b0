#include "wrapper/inspect/log_folder.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <filesystem>

namespace weir::inspect {

Result<UniqueFd> keep_wrappers_away(const std::string& log_dir) {
  std::error_code failure;
  if (!std::filesystem::is_directory(log_dir, failure)) {
    return Error{ErrorCode::kNotFound, log_dir + ": there is no such folder"};
  }
  const std::string path = log_dir + "/wrapper.lock";
  UniqueFd lock(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock.valid()) {
    if (errno == ENOENT) return lock;
    return errno_error("open " + path, errno);
  }
  if (::flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return errno_error("lock " + path, errno);
  return Error{ErrorCode::kConflict, log_dir +
                                         ": its wrapper is running; a log can be read while "
                                         "its node is stopped"};
}

}  // namespace weir::inspect
