#include "ctl/actions/program_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace weir::ctl {
namespace {

constexpr mode_t kProgramMode = 0755;

}  // namespace

Result<ProgramFile> ProgramFile::create(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return Error{ErrorCode::kConflict, path + " is there and is no regular file"};
  }
  std::string fresh = path + ".XXXXXX";
  UniqueFd fd(::mkostemp(fresh.data(), O_CLOEXEC));
  if (!fd.valid()) {
    const int why = errno;
    Error error = errno_error("write " + path, why);
    if (why == ENOENT) error.code = ErrorCode::kNotFound;
    return error;
  }
  return ProgramFile(path, std::move(fresh), std::move(fd));
}

ProgramFile::ProgramFile(ProgramFile&& other) noexcept
    : path_(std::move(other.path_)),
      fresh_(std::exchange(other.fresh_, "")),
      fd_(std::move(other.fd_)) {}

ProgramFile::~ProgramFile() {
  if (!fresh_.empty()) ::unlink(fresh_.c_str());
}

Status ProgramFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("write " + path_, errno);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

Status ProgramFile::commit() {
  if (::fchmod(fd_.get(), kProgramMode) != 0 || ::fsync(fd_.get()) != 0 ||
      ::rename(fresh_.c_str(), path_.c_str()) != 0) {
    return errno_error("write " + path_, errno);
  }
  fresh_.clear();
  return {};
}

}  // namespace weir::ctl
