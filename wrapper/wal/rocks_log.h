// The log on disk: one RocksDB database, one column family, with large values beside it
// (segments.h).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "wrapper/wal/log.h"
#include "wrapper/wal/ranges.h"
#include "wrapper/wal/segments.h"

namespace weir::wal {

struct RocksOptions {
  size_t write_buffer_bytes = 8u << 20;  // Of the database; large values do not go there.
  uint64_t limit_bytes = 0;              // R7: what the log may take; 0: no limit.
  // Of which keys large values go beside the database. For ever the same for one log.
  std::span<const SegmentedRange> segmented = segmented_ranges();
  // Something that a person should know, such as a tail that was lost.
  std::function<void(std::string)> on_remark;
};

// Opens or makes the database in `dir` (made if it is not there). Errors: kConflict when another
// process has it open, kCorrupt, kIo. The database may be used by one writing thread and any number
// of reading ones.
Result<std::unique_ptr<Log>> open_rocks_log(const std::string& dir, const RocksOptions& options);

// A log that is looked at, damaged or not.
class InspectedLog : public Log {
 public:
  struct Entry {
    std::string_view key;
    std::string_view value;
    std::optional<Place> place;  // Where the value is, if it is not here.
  };
  using EachEntry = std::function<bool(const Entry& entry)>;
  // Like scan(), without reading what is in segments.
  virtual Status list(std::string_view from, std::string_view end, const EachEntry& each) const = 0;
  // The value that is there, checked as its range says.
  virtual Result<std::string> read(std::string_view key, const Place& place) const = 0;
  virtual std::string file_of(const Place& place) const = 0;

  struct Damage {
    std::string file;
    std::string what;
    std::string first_key;  // What the file has, or had.
    std::string last_key;
  };
  using OnDamage = std::function<void(const Damage& damage)>;
  // Reads all tables of the database and names those whose checksums are not right.
  virtual void check_tables(const OnDamage& on_damage) const = 0;
};

enum class Trust {
  kWhole,        // Nothing that was synced may be missing.
  kWhatIsThere,  // Up to the last point that is whole.
};

// Opens what is in `dir` to look at it: nothing is written, made or mended, and a damaged end is
// not cut off. The caller sees to it that nobody has it open. Errors: kNotFound if there is no
// database, kCorrupt, kIo.
Result<std::unique_ptr<const InspectedLog>> open_rocks_log_to_read(const std::string& dir,
                                                                   Trust trust = Trust::kWhole);

}  // namespace weir::wal
