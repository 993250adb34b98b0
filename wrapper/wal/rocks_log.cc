#include "wrapper/wal/rocks_log.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <cstdarg>

#include "schema/base/log.h"

namespace weir::wal {
namespace {

using rocksdb::Slice;

Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const Slice& bytes) { return {bytes.data(), bytes.size()}; }

Error to_error(std::string_view action, const rocksdb::Status& status) {
  ErrorCode code = ErrorCode::kIo;
  if (status.IsCorruption()) code = ErrorCode::kCorrupt;
  if (status.IsIOError() && status.ToString().find("lock") != std::string::npos) {
    code = ErrorCode::kConflict;
  }
  return Error{code, std::string(action) + ": " + status.ToString()};
}

// RocksDB's own log file writer aborts the process when the disk is full, in the build that Debian
// ships; ours writes errors to our log and drops the rest.
class QuietLogger : public rocksdb::Logger {
 public:
  QuietLogger() : rocksdb::Logger(rocksdb::InfoLogLevel::ERROR_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    char line[1024];
    vsnprintf(line, sizeof line, format, arguments);
    log::warn(std::string("rocksdb: ") + line);
  }
};

class RocksLog : public Log {
 public:
  explicit RocksLog(std::unique_ptr<rocksdb::DB> db) : db_(std::move(db)) {}

  Status write(const LogBatch& batch, bool sync) override {
    rocksdb::WriteBatch out(batch.bytes() + batch.ops().size() * 64);
    for (const LogBatch::Op& op : batch.ops()) {
      rocksdb::Status added;
      switch (op.kind) {
        case LogBatch::Op::Kind::kPut:
          added = out.Put(slice(op.key), slice(op.value()));
          break;
        case LogBatch::Op::Kind::kErase:
          added = out.Delete(slice(op.key));
          break;
        case LogBatch::Op::Kind::kEraseRange:
          added = out.DeleteRange(slice(op.key), slice(op.end));
          break;
      }
      if (!added.ok()) return to_error("log: write", added);
    }
    rocksdb::WriteOptions options;
    options.sync = sync;
    const rocksdb::Status status = db_->Write(options, &out);
    if (!status.ok()) return to_error("log: write", status);
    return {};
  }

  Status scan(std::string_view from, std::string_view end, const Each& each) const override {
    const Slice bound = slice(end);
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read_options(&bound)));
    for (it->Seek(slice(from)); it->Valid(); it->Next()) {
      if (!each(view(it->key()), view(it->value()))) break;
    }
    if (!it->status().ok()) return to_error("log: read", it->status());
    return {};
  }

  Result<std::optional<std::pair<std::string, std::string>>> last(
      std::string_view from, std::string_view end) const override {
    const Slice bound = slice(end);
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read_options(&bound)));
    it->SeekForPrev(slice(end));
    if (!it->status().ok()) return to_error("log: read", it->status());
    std::optional<std::pair<std::string, std::string>> found;
    if (it->Valid() && view(it->key()) >= from) {
      found.emplace(view(it->key()), view(it->value()));
    }
    return found;
  }

 private:
  // Without the bound a scan would walk over the tombstones of all that was trimmed.
  static rocksdb::ReadOptions read_options(const Slice* bound) {
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = bound;
    options.fill_cache = false;
    options.verify_checksums = true;
    return options;
  }

  std::unique_ptr<rocksdb::DB> db_;
};

rocksdb::Options make_options(const RocksOptions& ours) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.info_log = std::make_shared<QuietLogger>();
  options.paranoid_checks = true;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.recycle_log_file_num = 0;  // Others can lose data at recovery in this version.
  options.manual_wal_flush = false;
  options.compression =
      rocksdb::kNoCompression;  // The bytes pass once; the processor is the bottleneck.
  options.write_buffer_size = ours.write_buffer_bytes;
  options.max_write_buffer_number = 3;
  options.max_open_files = -1;  // DeleteRange needs its tables open.
  options.keep_log_file_num = 1;
  options.max_background_jobs = 2;
  options.avoid_unnecessary_blocking_io = true;
  // Payloads go to blob files at a flush, so that compaction moves keys only and a file of settled
  // blocks is dropped whole.
  options.enable_blob_files = true;
  options.min_blob_size = 4096;
  options.blob_file_size = ours.write_buffer_bytes * 2;
  options.enable_blob_garbage_collection = false;
  options.level0_file_num_compaction_trigger = 4;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(1 << 20);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

Result<std::unique_ptr<Log>> open_rocks_log(const std::string& dir, const RocksOptions& options) {
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(make_options(options), dir, &raw);
  if (!status.ok()) return to_error("log " + dir, status);
  return std::unique_ptr<Log>(std::make_unique<RocksLog>(std::unique_ptr<rocksdb::DB>(raw)));
}

}  // namespace weir::wal
