#include "wrapper/shell/own_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "schema/base/unique_fd.h"

namespace weir::shell {

void rotate_own_log(const std::string& path, off_t bytes_max) {
  if (path.empty()) return;
  struct stat now {};
  const bool there = ::stat(path.c_str(), &now) == 0;
  if (there && now.st_size < bytes_max) return;
  if (there && std::rename(path.c_str(), (path + ".1").c_str()) != 0) return;
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file.valid()) return;
  // Each in one step: other threads of ours write to them too.
  ::dup2(file.get(), STDOUT_FILENO);
  ::dup2(file.get(), STDERR_FILENO);
}

}  // namespace weir::shell
