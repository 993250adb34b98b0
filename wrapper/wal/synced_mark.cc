#include "wrapper/wal/synced_mark.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>

#include "schema/base/codec.h"

namespace weir::wal {
namespace {

// The number, and the hash of its bytes.
constexpr size_t kMarkBytes = 16;

std::string encode_mark(uint64_t write) {
  Encoder out;
  out.u64(write);
  return out.u64(XXH3_64bits(out.bytes().data(), out.bytes().size())).bytes();
}

std::optional<uint64_t> read_mark(int fd) {
  std::string bytes(kMarkBytes, '\0');
  if (::pread(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(kMarkBytes)) return {};
  const uint64_t write = Decoder(bytes).u64();
  if (bytes != encode_mark(write)) return {};
  return write;
}

}  // namespace

Result<SyncedMark> SyncedMark::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_error("log: open " + path, errno);
  const uint64_t synced = read_mark(fd.get()).value_or(0);
  return SyncedMark(path, std::move(fd), synced);
}

std::optional<uint64_t> SyncedMark::read(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd.valid() ? read_mark(fd.get()) : std::nullopt;
}

Status SyncedMark::reached(uint64_t write) {
  const std::string bytes = encode_mark(write);
  const ssize_t wrote = ::pwrite(fd_.get(), bytes.data(), bytes.size(), 0);
  if (wrote != static_cast<ssize_t>(bytes.size())) {
    return errno_error("log: write " + path_, wrote < 0 ? errno : ENOSPC);
  }
  return {};
}

}  // namespace weir::wal
