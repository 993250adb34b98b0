#include "wrapper/wal/rocks_support.h"

#include <rocksdb/cache.h>
#include <rocksdb/table.h>

#include <cstdarg>
#include <cstdio>

#include "schema/base/log.h"

namespace weir::wal {

Error to_error(std::string_view action, const rocksdb::Status& status) {
  ErrorCode code = ErrorCode::kIo;
  if (status.IsCorruption()) code = ErrorCode::kCorrupt;
  if (status.IsNoSpace()) code = ErrorCode::kLimit;
  if (status.IsIOError() && status.ToString().find("lock") != std::string::npos) {
    code = ErrorCode::kConflict;
  }
  return Error{code, std::string(action) + ": " + status.ToString()};
}

void QuietLogger::Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) {
  char line[1024];
  vsnprintf(line, sizeof line, format, arguments);
  if (level >= rocksdb::InfoLogLevel::ERROR_LEVEL) log::warn(std::string("rocksdb: ") + line);
  const std::string_view text(line);
  if (text.find(": dropping ") == std::string_view::npos) return;
  const std::lock_guard lock(mutex_);
  const size_t path = text.find('/');
  if (dropped_.empty() && path != std::string_view::npos) dropped_ = text.substr(path);
}

void QuietLogger::Logv(const char* format, va_list arguments) {
  Logv(rocksdb::InfoLogLevel::ERROR_LEVEL, format, arguments);
}

std::string QuietLogger::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

rocksdb::Options make_options(const RocksOptions& ours, std::shared_ptr<QuietLogger> logger) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.info_log = std::move(logger);
  options.paranoid_checks = true;
  options.recycle_log_file_num = 0;  // Others can lose data at recovery in this version.
  options.manual_wal_flush = false;
  options.allow_fallocate = false;  // 13 MiB for each log that does next to nothing.
  options.compression =
      rocksdb::kNoCompression;  // The bytes pass once; the processor is the bottleneck.
  options.write_buffer_size = ours.write_buffer_bytes;
  options.max_write_buffer_number = 3;
  options.max_open_files = -1;  // DeleteRange needs its tables open.
  options.keep_log_file_num = 1;
  options.max_background_jobs = 2;
  options.avoid_unnecessary_blocking_io = true;
  options.level0_file_num_compaction_trigger = 4;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(1 << 20);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace weir::wal
