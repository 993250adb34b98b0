#include "schema/rocks/rocks.h"

#include <cstdarg>
#include <cstdio>

#include "schema/base/log.h"

namespace weir::rocks {

Error to_error(std::string_view action, const rocksdb::Status& status) {
  ErrorCode code = ErrorCode::kIo;
  if (status.IsCorruption()) code = ErrorCode::kCorrupt;
  if (status.IsNoSpace()) code = ErrorCode::kLimit;
  // By another process, or by this one.
  if (status.IsIOError() && status.ToString().find("lock") != std::string::npos) {
    code = ErrorCode::kConflict;
  }
  return Error{code, std::string(action) + ": " + status.ToString()};
}

void Logger::Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) {
  char line[1024];
  vsnprintf(line, sizeof line, format, arguments);
  std::string_view text(line);
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (level >= rocksdb::InfoLogLevel::ERROR_LEVEL) log::warn("rocksdb: " + std::string(text));
  if (text.find(": dropping ") == std::string_view::npos) return;
  const std::lock_guard lock(mutex_);
  const size_t path = text.find('/');
  if (dropped_.empty() && path != std::string_view::npos) dropped_ = text.substr(path);
}

void Logger::Logv(const char* format, va_list arguments) {
  Logv(rocksdb::InfoLogLevel::ERROR_LEVEL, format, arguments);
}

std::string Logger::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

rocksdb::Options base_options(std::shared_ptr<Logger> logger) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.info_log = std::move(logger);
  options.keep_log_file_num = 1;
  options.paranoid_checks = true;
  options.allow_fallocate = false;  // 13 MiB for each database that does next to nothing.
  return options;
}

}  // namespace weir::rocks
