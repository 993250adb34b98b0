// What every opening of a RocksDB database shares: options, errors, and where RocksDB's own log
// goes. The stores themselves are wrapper/wal/rocks_log.h and broker/store/store.h.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/status.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "schema/base/error.h"

namespace weir::rocks {

// kCorrupt, kConflict (somebody has it open), kLimit (the disk is full), kIo.
Error to_error(std::string_view action, const rocksdb::Status& status);

// RocksDB's own log file writer aborts the process when the disk is full, in the build that Debian
// ships; this one writes errors to our log, keeps what was said of damaged files, and drops the
// rest. Any thread.
class Logger : public rocksdb::Logger {
 public:
  Logger() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override;
  void Logv(const char* format, va_list arguments) override;

  // "/log/db/000012.log: dropping 5044 bytes; ...": what statuses leave out. Empty: nothing.
  std::string dropped() const;

 private:
  mutable std::mutex mutex_;
  std::string dropped_;
};

rocksdb::Options base_options(std::shared_ptr<Logger> logger);

}  // namespace weir::rocks
