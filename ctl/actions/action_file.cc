#include "ctl/actions/action_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "schema/content/sha256.h"
#include "schema/wire/control.h"

namespace weir::ctl {
namespace {

constexpr size_t kPieceBytes = 1u << 20;

int64_t changed_at(const struct stat& info) {
  return static_cast<int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
}

Status check_kind(const std::string& path, const struct stat& info) {
  if (S_ISDIR(info.st_mode)) {
    return Error{ErrorCode::kInvalid, path + " is a folder; an action is one file"};
  }
  if (!S_ISREG(info.st_mode)) {
    return Error{ErrorCode::kInvalid, path + " is no regular file; copy it into one first"};
  }
  if (info.st_size == 0) {
    return Error{ErrorCode::kInvalid, path + " is empty, so there is nothing to run"};
  }
  if (static_cast<uint64_t>(info.st_size) > wire::kActionBytesMax) {
    return Error{ErrorCode::kLimit, path + " has " + std::to_string(info.st_size) +
                                        " bytes; an action may have " +
                                        std::to_string(wire::kActionBytesMax) + " (1 GiB)"};
  }
  return {};
}

}  // namespace

Result<ActionFile> ActionFile::open(const std::string& path) {
  ActionFile file;
  file.path_ = path;
  // Not to wait for somebody who writes to a fifo.
  file.fd_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.fd_.valid()) {
    const int why = errno;
    Error error = errno_error(path, why);
    if (why == ENOENT || why == ENOTDIR) error.code = ErrorCode::kNotFound;
    return error;
  }
  struct stat info {};
  if (::fstat(file.fd_.get(), &info) != 0) return errno_error(path, errno);
  if (Status kind = check_kind(path, info); !kind) return std::move(kind).error();
  file.bytes_ = static_cast<uint64_t>(info.st_size);
  file.changed_at_ns_ = changed_at(info);
  if (Status hashed = file.hash(); !hashed) return std::move(hashed).error();
  return file;
}

Status ActionFile::hash() {
  content::Sha256 hash;
  for (uint64_t offset = 0; offset < bytes_;) {
    const Result<std::string> piece = read(offset, kPieceBytes);
    if (!piece) return piece.error();
    if (offset == 0)
      looks_like_a_program_ = piece->starts_with("#!") || piece->starts_with(
                                                              "\x7f"
                                                              "ELF");
    hash.add(*piece);
    offset += piece->size();
  }
  if (Status unchanged = check_unchanged(); !unchanged) return unchanged;
  sha256_ = hash.finish();
  return {};
}

Result<std::string> ActionFile::read(uint64_t offset, size_t bytes_max) const {
  std::string piece(std::min<uint64_t>(bytes_max, bytes_ - std::min(offset, bytes_)), '\0');
  size_t size = 0;
  while (size < piece.size()) {
    const ssize_t count = ::pread(fd_.get(), piece.data() + size, piece.size() - size,
                                  static_cast<off_t>(offset + size));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("read " + path_, errno);
    if (count == 0) return changed();
    size += static_cast<size_t>(count);
  }
  return piece;
}

Status ActionFile::check_unchanged() const {
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) return errno_error(path_, errno);
  const bool same =
      static_cast<uint64_t>(info.st_size) == bytes_ && changed_at(info) == changed_at_ns_;
  return same ? Status() : Status(changed());
}

Error ActionFile::changed() const {
  return Error{ErrorCode::kConflict,
               path_ + " changed while it was read; try again when nobody writes to it"};
}

}  // namespace weir::ctl
