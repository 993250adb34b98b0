// How far the log is on the disk for certain, in a file of its own beside the database.
//
// RocksDB recovers to the last point that is whole and cannot say whether that is all that was
// synced: a flipped bit in the middle of its write-ahead log, or a file that is gone, looks to it
// like a tail that was lost with the power. The mark holds the number of the last write whose sync
// has succeeded; a log that comes back shorter is damaged. The mark itself is never synced: after a
// power cut it may be older, and then claims less.
//
// Thread: one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"

namespace weir::wal {

class SyncedMark {
 public:
  // Makes the file if it is not there.
  static Result<SyncedMark> open(const std::string& path);
  // What the file says; nothing if it is not there or not whole.
  static std::optional<uint64_t> read(const std::string& path);

  // What the file said when it was opened; 0: nothing.
  uint64_t synced() const { return synced_; }
  Status reached(uint64_t write);

 private:
  SyncedMark(std::string path, UniqueFd fd, uint64_t synced)
      : path_(std::move(path)), fd_(std::move(fd)), synced_(synced) {}

  std::string path_;
  UniqueFd fd_;
  uint64_t synced_ = 0;
};

}  // namespace weir::wal
