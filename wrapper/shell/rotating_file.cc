#include "wrapper/shell/rotating_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace weir::shell {

RotatingFile::RotatingFile(std::string path, size_t bytes_max)
    : path_(std::move(path)), bytes_max_(bytes_max) {
  open();
}

void RotatingFile::open() {
  if (path_.empty()) return;
  file_.reset(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  struct stat status {};
  file_bytes_ =
      file_.valid() && fstat(file_.get(), &status) == 0 ? static_cast<size_t>(status.st_size) : 0;
}

void RotatingFile::append(std::string_view bytes) {
  while (file_.valid() && !bytes.empty()) {
    if (file_bytes_ >= bytes_max_) {
      std::rename(path_.c_str(), (path_ + ".1").c_str());
      open();
    }
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    // A full disk must not stop the program: what cannot be written is left out.
    if (written <= 0) return;
    file_bytes_ += static_cast<size_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace weir::shell
