#include "ctl/logs/line_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace weir::ctl {
namespace {

struct Opened {
  UniqueFd fd;  // Not valid: there is no such file.
  ino_t inode = 0;
  off_t size = 0;
};

Result<Opened> open_file(const std::string& path) {
  Opened opened;
  opened.fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.fd.valid() && errno == ENOENT) return opened;
  struct stat info {};
  if (!opened.fd.valid() || ::fstat(opened.fd.get(), &info) != 0) {
    return errno_error("read " + path, errno);
  }
  opened.inode = info.st_ino;
  opened.size = info.st_size;
  return opened;
}

struct FileFacts {
  ino_t inode = 0;  // 0: there is no such file.
  uint64_t bytes = 0;
};

FileFacts facts_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_ino, static_cast<uint64_t>(info.st_size)};
}

bool ends_in_the_middle(const Opened& file) {
  char last = '\n';
  return file.size > 0 && ::pread(file.fd.get(), &last, 1, file.size - 1) == 1 && last != '\n';
}

// Where the last `lines` lines begin; `lines` becomes how many of them are not there.
off_t tail_of(const Opened& file, size_t& lines) {
  if (lines == 0) return file.size;
  char buffer[65536];
  for (off_t end = file.size; end > 0;) {
    const off_t from = std::max<off_t>(0, end - static_cast<off_t>(sizeof buffer));
    const ssize_t count = ::pread(file.fd.get(), buffer, static_cast<size_t>(end - from), from);
    if (count != end - from) return end;  // It shrinks while it is read.
    for (off_t at = end - 1; at >= from; --at) {
      // The newline at the very end has no line behind it.
      if (buffer[at - from] != '\n' || at == file.size - 1) continue;
      if (--lines == 0) return at + 1;
    }
    end = from;
  }
  if (file.size > 0) --lines;
  return 0;
}

}  // namespace

Status LineFile::begin_at_tail(size_t lines) {
  Result<Opened> current = open_file(path_);
  if (!current) return std::move(current).error();
  Result<Opened> before = open_file(rotated());
  if (!before) return std::move(before).error();
  const bool has_before = before->fd.valid() && before->inode != current->inode;
  const size_t wanted = lines;
  off_t from = current->fd.valid() ? tail_of(*current, lines) : 0;
  // The first line of FILE is the rest of the last one of FILE.1.
  const bool cut = has_before && current->size > 0 && ends_in_the_middle(*before);
  if (wanted > 0 && from == 0 && cut) ++lines;
  Opened& begin = lines > 0 && has_before ? *before : *current;
  if (&begin == &*before) {
    from = tail_of(*before, lines);
  } else {
    rotated_inode_ = before->inode;
  }
  if (!begin.fd.valid()) return {};
  if (::lseek(begin.fd.get(), from, SEEK_SET) < 0) return errno_error("read " + path_, errno);
  fd_ = std::move(begin.fd);
  inode_ = begin.inode;
  return {};
}

void LineFile::end_at_end() {
  const FileFacts current = facts_of(path_);
  const FileFacts before = facts_of(rotated());
  const off_t at = fd_.valid() ? ::lseek(fd_.get(), 0, SEEK_CUR) : 0;
  left_ = current.bytes - (inode_ == current.inode ? static_cast<uint64_t>(at) : 0);
  if (before.inode == 0 || before.inode == rotated_inode_) return;
  *left_ += before.bytes - (inode_ == before.inode ? static_cast<uint64_t>(at) : 0);
}

bool LineFile::was_replaced() const {
  const ino_t inode = facts_of(path_).inode;
  return inode != 0 && inode != inode_;
}

Result<bool> LineFile::poll(const OnLine& on_line) {
  if (!fd_.valid()) {
    if (Status opened = open_next(on_line); !opened) return std::move(opened).error();
    if (!fd_.valid()) return true;
  }
  // Asked before the last read: a file that has been replaced is written to no more.
  const bool replaced = was_replaced();
  const Result<size_t> count = read_some(on_line);
  if (!count) return count.error();
  if (left_ == 0u) return true;
  if (*count >= kBytesPerPoll) return false;
  if (!replaced) return true;
  if (Status opened = open_next(on_line); !opened) return std::move(opened).error();
  return false;
}

// FILE, or FILE.1 if that is neither what was read last nor known from before: then FILE was
// rotated more than once since the last look.
Status LineFile::open_next(const OnLine& on_line) {
  const ino_t before = facts_of(rotated()).inode;
  const bool missed = before != 0 && before != inode_ && before != rotated_inode_;
  Result<Opened> next = open_file(missed ? rotated() : path_);
  if (!next) return std::move(next).error();
  if (!next->fd.valid()) return {};  // Between being renamed and being made again.
  // A line goes on over a rotation, but not over a new beginning.
  if (!missed && before != inode_) hand_out(on_line, true);
  rotated_inode_ = before;
  inode_ = next->inode;
  fd_ = std::move(next->fd);
  return {};
}

Result<size_t> LineFile::read_some(const OnLine& on_line) {
  char buffer[16384];
  size_t total = 0;
  while (total < kBytesPerPoll) {
    const size_t wanted = std::min<uint64_t>(sizeof buffer, left_.value_or(sizeof buffer));
    const ssize_t count = wanted == 0 ? 0 : ::read(fd_.get(), buffer, wanted);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("read " + path_, errno);
    if (count == 0) break;
    total += static_cast<size_t>(count);
    if (left_) *left_ -= static_cast<uint64_t>(count);
    partial_.append(buffer, static_cast<size_t>(count));
    hand_out(on_line, false);
  }
  struct stat info {};
  if (total == 0 && ::fstat(fd_.get(), &info) == 0 &&
      info.st_size < ::lseek(fd_.get(), 0, SEEK_CUR)) {
    hand_out(on_line, true);
    ::lseek(fd_.get(), 0, SEEK_SET);  // It was emptied in place.
  }
  return total;
}

void LineFile::hand_out(const OnLine& on_line, bool all) {
  size_t from = 0;
  for (size_t end = 0; (end = partial_.find('\n', from)) != std::string::npos; from = end + 1) {
    on_line(std::string_view(partial_).substr(from, end + 1 - from));
  }
  partial_.erase(0, from);
  if (partial_.empty() || (!all && partial_.size() < kLineBytesMax)) return;
  on_line(partial_ + "\n");
  partial_.clear();
}

}  // namespace weir::ctl
