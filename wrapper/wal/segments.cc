#include "wrapper/wal/segments.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "schema/base/codec.h"

namespace weir::wal {
namespace {

constexpr size_t kPlaceBytes = 1 + 8 + 8 + 4;

size_t aligned(size_t size) {
  return (size + Segments::kAlignment - 1) / Segments::kAlignment * Segments::kAlignment;
}

Error missing(const std::string& name) {
  return Error{ErrorCode::kCorrupt, "log " + name + " is missing"};
}
Error too_short(const std::string& name, uint64_t bytes) {
  return Error{ErrorCode::kCorrupt, "log " + name + " ends before byte " + std::to_string(bytes)};
}

}  // namespace

std::string encode(const Place& place) {
  return Encoder(std::string(1, kPlaceMark))
      .u64(place.file)
      .u64(place.offset)
      .u32(place.size)
      .bytes();
}

bool decode_place(std::string_view value, Place& place) {
  if (value.size() != kPlaceBytes || value[0] != kPlaceMark) return false;
  Decoder in(value.substr(1));
  place.file = in.u64();
  place.offset = in.u64();
  place.size = in.u32();
  return in.done();
}

// So that a log that is full stands in sixteen files at least, and what is left of a disk in sixty:
// there are other logs on it.
uint64_t Segments::file_bytes(uint64_t limit_bytes, uint64_t free_bytes) {
  const uint64_t of_limit = limit_bytes == 0 ? kFileBytesMax : limit_bytes / 16;
  const uint64_t bytes =
      std::clamp(std::min(of_limit, free_bytes / 64), kFileBytesMin, kFileBytesMax);
  return bytes / kAlignment * kAlignment;
}

Result<std::unique_ptr<Segments>> Segments::open(const std::string& dir, uint64_t limit_bytes) {
  std::error_code failure;
  std::filesystem::create_directories(dir, failure);
  if (failure) return Error{ErrorCode::kIo, "log " + dir + ": " + failure.message()};
  std::unique_ptr<Segments> segments(new Segments(dir));
  uint64_t last = 0;
  uint64_t first = UINT64_MAX;
  for (const auto& entry : std::filesystem::directory_iterator(dir, failure)) {
    const std::string name = entry.path().filename().string();
    uint64_t number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number, 16);
    if (parsed.ec != std::errc() || !name.ends_with(".seg")) continue;
    last = std::max(last, number);
    first = std::min(first, number);
  }
  segments->limit_bytes_ = limit_bytes;
  segments->file_ = last;
  segments->first_ = first == UINT64_MAX ? last + 1 : first;
  segments->stage_.reset(static_cast<uint8_t*>(std::aligned_alloc(kAlignment, kStageBytes)));
  if (!segments->stage_) return Error{ErrorCode::kLimit, "log " + dir + ": no memory"};
  return segments;
}

std::unique_ptr<Segments> Segments::open_to_read(const std::string& dir) {
  return std::unique_ptr<Segments>(new Segments(dir));
}

Segments::~Segments() = default;

std::string Segments::path(uint64_t file) const {
  char name[32];
  std::snprintf(name, sizeof name, "%016llx.seg", static_cast<unsigned long long>(file));
  return dir_ + "/" + name;
}

Status Segments::begin_file() {
  if (fd_.valid()) {
    if (Status synced = sync(); !synced) return synced;
  }
  const std::string name = path(file_ + 1);
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
  // Past the page cache: fresh pages cost more there than everything else together. A file system
  // that cannot (tmpfs) is written the usual way.
  fd_.reset(::open(name.c_str(), flags | O_DIRECT, 0600));
  if (!fd_.valid() && errno == EINVAL) fd_.reset(::open(name.c_str(), flags, 0600));
  if (!fd_.valid()) return errno_error("log " + name, errno);
  struct statvfs disk {};
  const bool known = ::fstatvfs(fd_.get(), &disk) == 0;
  const uint64_t left = known ? static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize : 0;
  file_bytes_ = file_bytes(limit_bytes_, left);
  // Room for the file at once; where that would take most of what is left, it grows as it is
  // written.
  if (left > 8 * file_bytes_) {
    (void)::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(file_bytes_));
  }
  ++file_;
  written_ = 0;
  const UniqueFd dir(::open(dir_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir.valid() || ::fsync(dir.get()) != 0) return errno_error("log " + dir_ + ": sync", errno);
  return {};
}

Status Segments::append(std::span<const std::string_view> values, std::vector<Place>& places) {
  for (const std::string_view value : values) {
    Place& place = places.emplace_back();
    if (Status appended = append_one(value, place); !appended) return appended;
  }
  return write_stage();
}

Status Segments::append_one(std::string_view value, Place& place) {
  if (!fd_.valid() || written_ + staged_ >= file_bytes_) {
    if (Status written = write_stage(); !written) return written;
    if (Status begun = begin_file(); !begun) return begun;
  }
  place = {file_, written_ + staged_, static_cast<uint32_t>(value.size())};
  while (!value.empty()) {
    const size_t count = std::min(value.size(), kStageBytes - staged_);
    std::memcpy(stage_.get() + staged_, value.data(), count);
    staged_ += count;
    value.remove_prefix(count);
    if (staged_ < kStageBytes) break;
    if (Status written = write_stage(); !written) return written;
  }
  const size_t padded = aligned(staged_);
  std::memset(stage_.get() + staged_, 0, padded - staged_);
  staged_ = padded;
  return {};
}

Status Segments::write_stage() {
  size_t done = 0;
  while (done < staged_) {
    const ssize_t wrote = ::pwrite(fd_.get(), stage_.get() + done, staged_ - done,
                                   static_cast<off_t>(written_ + done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return errno_error("log " + path(file_) + ": write", wrote < 0 ? errno : EIO);
    done += static_cast<size_t>(wrote);
  }
  written_ += done;
  staged_ = 0;
  if (done > 0) unsynced_ = true;
  return {};
}

Status Segments::sync() {
  if (!unsynced_) return {};
  if (::fdatasync(fd_.get()) != 0) return errno_error("log " + path(file_) + ": sync", errno);
  unsynced_ = false;
  return {};
}

Status Segments::check(uint64_t file, uint64_t bytes) const {
  const std::string name = path(file);
  struct stat found {};
  if (::stat(name.c_str(), &found) != 0) {
    if (errno == ENOENT) return missing(name);
    return errno_error("log " + name, errno);
  }
  if (static_cast<uint64_t>(found.st_size) < bytes) return too_short(name, bytes);
  return {};
}

Result<std::string> Segments::read(const Place& place) const {
  const std::string name = path(place.file);
  const UniqueFd fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid() && errno == ENOENT) return missing(name);
  if (!fd.valid()) return errno_error("log " + name, errno);
  std::string value(place.size, '\0');
  size_t done = 0;
  while (done < value.size()) {
    const ssize_t got = ::pread(fd.get(), value.data() + done, value.size() - done,
                                static_cast<off_t>(place.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("log " + name + ": read", errno);
    if (got == 0) return too_short(name, place.offset + value.size());
    done += static_cast<size_t>(got);
  }
  return value;
}

void Segments::drop_before(uint64_t file) {
  for (; first_ < file && first_ < file_; ++first_) ::unlink(path(first_).c_str());
}

void Segments::drop_after(uint64_t file) {
  for (uint64_t each = std::max(file, dropped_) + 1; each < file_; ++each) {
    ::unlink(path(each).c_str());
    dropped_ = each;
  }
}

}  // namespace weir::wal
