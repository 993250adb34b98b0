// The log on disk: one RocksDB database, one column family, with large values beside it
// (segments.h).
#pragma once

#include <memory>
#include <string>

#include "wrapper/wal/log.h"

namespace weir::wal {

struct RocksOptions {
  size_t write_buffer_bytes = 8u << 20;  // Of the database; large values do not go there.
};

// Opens or makes the database in `dir` (made if it is not there). Errors: kConflict when another
// process has it open, kCorrupt, kIo. The database may be used by one writing thread and any number
// of reading ones.
Result<std::unique_ptr<Log>> open_rocks_log(const std::string& dir, const RocksOptions& options);

// Opens what is in `dir` to look at it: nothing is written, made or mended, and a damaged end is
// not cut off. The caller sees to it that nobody has it open. Errors: kNotFound if there is no
// database, kCorrupt, kIo.
Result<std::unique_ptr<const Log>> open_rocks_log_to_read(const std::string& dir);

}  // namespace weir::wal
