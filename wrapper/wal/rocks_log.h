// The log on disk: one RocksDB database, one column family.
#pragma once

#include <memory>
#include <string>

#include "wrapper/wal/log.h"

namespace weir::wal {

struct RocksOptions {
  size_t write_buffer_bytes =
      32u << 20;  // What is settled before this much was written never reaches a table file.
};

// Opens or makes the database in `dir` (made if it is not there). Errors: kConflict when another
// process has it open, kCorrupt, kIo. The database may be used by one writing thread and any number
// of reading ones.
Result<std::unique_ptr<Log>> open_rocks_log(const std::string& dir, const RocksOptions& options);

}  // namespace weir::wal
