// The one file of the broker that sees RocksDB.
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <cstdarg>
#include <cstdio>
#include <filesystem>

#include "broker/store/store.h"
#include "schema/base/log.h"

namespace weir::broker {
namespace {

// RocksDB's own log writer aborts the process when the disk is full; ours goes to stderr.
class LogBridge : public rocksdb::Logger {
 public:
  LogBridge() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    char text[1024];
    std::vsnprintf(text, sizeof text, format, arguments);
    std::string line = std::string("store: ") + text;
    while (line.ends_with('\n')) line.pop_back();
    log::warn(line);
  }
};

Error to_error(const rocksdb::Status& status, std::string_view where) {
  ErrorCode code = ErrorCode::kIo;
  if (status.IsCorruption()) code = ErrorCode::kCorrupt;
  if (status.IsNoSpace()) code = ErrorCode::kLimit;
  return Error{code, "store: " + std::string(where) + ": " + status.ToString()};
}

// By another process, or by this one.
bool is_locked(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return text.find("While lock file: ") != std::string::npos ||
         text.find("lock hold by current process") != std::string::npos;
}

rocksdb::Options store_options() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.info_log = std::make_shared<LogBridge>();
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.paranoid_checks = true;
  // A few thousand small records: room for more than they have is not taken beforehand.
  options.allow_fallocate = false;
  options.write_buffer_size = 1u << 20;
  options.max_background_jobs = 1;
  options.keep_log_file_num = 1;
  return options;
}

class RocksStore : public Store {
 public:
  explicit RocksStore(std::unique_ptr<rocksdb::DB> db) : db_(std::move(db)) {}

  Result<std::vector<StoreRecord>> load() override {
    std::vector<StoreRecord> records;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      auto key = decode_key(it->key().ToStringView());
      if (!key) return std::move(key).error();
      records.push_back({*key, it->value().ToString()});
    }
    if (!it->status().ok()) return to_error(it->status(), "load");
    return records;
  }

  Status write(const std::vector<StoreWrite>& writes) override {
    rocksdb::WriteBatch batch;
    for (const StoreWrite& one : writes) {
      const std::string key = encode_key(one.key);
      const rocksdb::Status added = one.value ? batch.Put(key, *one.value) : batch.Delete(key);
      if (!added.ok()) return to_error(added, "write");
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    const rocksdb::Status written = db_->Write(options, &batch);
    if (!written.ok()) return to_error(written, "write");
    return {};
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_rocks_store(const std::string& folder) {
  // Before RocksDB looks for it and complains; what is wrong with it, opening says.
  std::error_code ignored;
  std::filesystem::create_directory(folder, ignored);
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(store_options(), folder, &db);
  if (is_locked(opened)) {
    return Error{ErrorCode::kConflict, "store: " + folder +
                                           " is in use: another broker runs on this data folder; "
                                           "stop that one, or give this one another --data"};
  }
  if (!opened.ok()) return to_error(opened, "open " + folder);
  return std::unique_ptr<Store>(std::make_unique<RocksStore>(std::unique_ptr<rocksdb::DB>(db)));
}

}  // namespace weir::broker
