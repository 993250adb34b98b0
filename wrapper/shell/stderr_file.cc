#include "wrapper/shell/stderr_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>

namespace weir::shell {

StderrFile::StderrFile(std::string path) : path_(std::move(path)) { open(); }

void StderrFile::open() {
  if (path_.empty()) return;
  file_.reset(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  struct stat status {};
  file_bytes_ =
      file_.valid() && fstat(file_.get(), &status) == 0 ? static_cast<size_t>(status.st_size) : 0;
}

void StderrFile::append(std::string_view bytes) {
  tail_.append(bytes);
  if (tail_.size() > kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
  if (!file_.valid()) return;
  if (file_bytes_ >= kFileBytesMax) {
    std::rename(path_.c_str(), (path_ + ".1").c_str());
    open();
  }
  // A full disk must not stop the program: what cannot be written is left out.
  const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
  if (written > 0) file_bytes_ += static_cast<size_t>(written);
}

}  // namespace weir::shell
