// Large values beside the database: append-only files that are written past the page cache.
//
// A block of a stream is written once, read again only after a crash, and dropped in order. In
// RocksDB its bytes would be copied into a batch, a log, a memtable and, at a flush, a table, with
// a software checksum at each; here they are copied once and go to the device (docs/wal.md,
// decision 0002). The database holds where they are (Place), so a value is there when, and only
// when, its key is.
//
// Files are named by a rising number, "0000000000000001.seg". Each value begins at a multiple of
// kAlignment. Thread: append() and drop_before() by the one writing thread; read() by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"

namespace weir::wal {

struct Place {
  uint64_t file = 0;
  uint64_t offset = 0;
  uint32_t size = 0;

  bool operator==(const Place&) const = default;
};

class Segments {
 public:
  static constexpr size_t kAlignment = 4096;
  // A new file begins when this much is written. What is trimmed is given back a file at a time, so
  // files are small where there is little room (file_bytes()).
  static constexpr uint64_t kFileBytesMin = 256u << 10;
  static constexpr uint64_t kFileBytesMax = 64u << 20;
  // Of a log that may take `limit_bytes` (0: no limit), on a disk with `free_bytes` left.
  static uint64_t file_bytes(uint64_t limit_bytes, uint64_t free_bytes);

  // `dir` is made if it is not there. New values go to a new file.
  static Result<std::unique_ptr<Segments>> open(const std::string& dir, uint64_t limit_bytes = 0);
  // Only for read(): the folder is left as it is.
  static std::unique_ptr<Segments> open_to_read(const std::string& dir);
  ~Segments();

  // Writes the values one after the other with as few system calls as possible; `places` gets one
  // entry for each. When it returns they survive a crash of this process, after sync() one of the
  // machine. An error is final.
  Status append(std::span<const std::string_view> values, std::vector<Place>& places);
  Status sync();
  // True if anything was appended since the last sync().
  bool unsynced() const { return unsynced_; }

  // Any thread. kCorrupt if the file is gone or ends before the value does.
  Result<std::string> read(const Place& place) const;
  // kCorrupt if the file is gone or shorter than this.
  Status check(uint64_t file, uint64_t bytes) const;
  std::string path(uint64_t file) const;

  // Removes all files with a lower or a higher number. The current one stays.
  void drop_before(uint64_t file);
  void drop_after(uint64_t file);
  uint64_t current_file() const { return file_; }
  // The lowest number that exists.
  uint64_t first_file() const { return first_; }

 private:
  struct FreeAligned {
    void operator()(uint8_t* bytes) const { std::free(bytes); }
  };
  static constexpr size_t kStageBytes = 1u << 20;

  explicit Segments(std::string dir) : dir_(std::move(dir)) {}
  Status begin_file();
  Status write_stage();
  Status append_one(std::string_view value, Place& place);

  std::string dir_;
  uint64_t limit_bytes_ = 0;
  uint64_t file_bytes_ = kFileBytesMin;  // Of the current file.
  UniqueFd fd_;
  uint64_t file_ = 0;
  uint64_t first_ = 0;
  uint64_t dropped_ = 0;                           // The highest that drop_after() has removed.
  uint64_t written_ = 0;                           // Of the current file, at the device.
  std::unique_ptr<uint8_t[], FreeAligned> stage_;  // What goes there next.
  size_t staged_ = 0;
  bool unsynced_ = false;
};

// What a place begins with, in the database.
inline constexpr char kPlaceMark = 'P';
std::string encode(const Place& place);
// True, with `place` set, if a value of the database names a place instead of being one.
bool decode_place(std::string_view value, Place& place);

}  // namespace weir::wal
