#include "ctl/up/slot_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>

#include "schema/base/check.h"
#include "schema/base/codec.h"
#include "schema/base/files.h"

namespace weir::ctl {
namespace {

constexpr std::string_view kMagic = "WSL1";
constexpr size_t kHeaderBytes = 4 + 8 + 4;
constexpr size_t kHashBytes = 8;
// A page, so that writing one slot touches nothing of the other.
constexpr size_t kSlotUnit = 4096;
constexpr uint64_t kSlots = 2;

uint64_t hash_of(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

Status write_at(int fd, std::string_view bytes, off_t offset, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("write " + path, errno);
    bytes.remove_prefix(static_cast<size_t>(count));
    offset += count;
  }
  return {};
}

}  // namespace

Result<SlotFile> SlotFile::open(const std::string& path, size_t bytes_max) {
  // O_NONBLOCK: a FIFO of this name would wait for a reader.
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
  struct stat info {};
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) return errno_error("open " + path, errno);
  if (!S_ISREG(info.st_mode)) {
    return Error{ErrorCode::kConflict, path + " is not a regular file: move it away"};
  }
  const size_t whole = kHeaderBytes + bytes_max + kHashBytes;
  const size_t slot_bytes = (whole + kSlotUnit - 1) / kSlotUnit * kSlotUnit;
  SlotFile file(path, std::move(fd), slot_bytes);
  file.load();
  if (static_cast<uint64_t>(info.st_size) == kSlots * slot_bytes) return file;
  if (Status taken = file.take_room(); !taken) return std::move(taken).error();
  return file;
}

void SlotFile::load() {
  std::string slot(slot_bytes_, '\0');
  for (uint64_t i = 0; i < kSlots; ++i) {
    const ssize_t count =
        ::pread(fd_.get(), slot.data(), slot.size(), static_cast<off_t>(i * slot_bytes_));
    Decoder in(std::string_view(slot).substr(0, count > 0 ? static_cast<size_t>(count) : 0));
    if (in.raw(kMagic.size()) != kMagic) continue;
    const uint64_t number = in.u64();
    const std::string_view bytes = in.raw(in.u32());
    const uint64_t hash = in.u64();
    const auto hashed = std::string_view(slot).substr(0, kHeaderBytes + bytes.size());
    if (!in.ok() || hash != hash_of(hashed) || number <= number_) continue;
    number_ = number;
    content_ = bytes;
  }
}

// Written out, because what is only reserved may still fail on some file systems.
Status SlotFile::take_room() {
  number_ = 0;
  content_.clear();
  if (::ftruncate(fd_.get(), 0) != 0) return errno_error("write " + path_, errno);
  Status written = write_at(fd_.get(), std::string(kSlots * slot_bytes_, '\0'), 0, path_);
  if (!written) return written;
  if (::fsync(fd_.get()) != 0) return errno_error("sync " + path_, errno);
  return sync_folder(folder_of(path_));
}

Status SlotFile::write(std::string_view bytes, Sync sync) {
  const std::lock_guard lock(*writing_);
  Encoder out;
  out.raw(kMagic).u64(number_ + 1).text(bytes);
  out.u64(hash_of(out.bytes()));
  WEIR_CHECK(out.bytes().size() <= slot_bytes_, "a slot is too small");
  const auto offset = static_cast<off_t>((number_ + 1) % kSlots * slot_bytes_);
  if (Status written = write_at(fd_.get(), out.bytes(), offset, path_); !written) return written;
  if (sync == Sync::kYes && ::fdatasync(fd_.get()) != 0) return errno_error("sync " + path_, errno);
  ++number_;
  return {};
}

}  // namespace weir::ctl
