#include "wrapper/wal/rocks_log.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <cstdarg>
#include <filesystem>

#include "schema/base/codec.h"
#include "schema/base/log.h"
#include "schema/wire/block.h"
#include "wrapper/wal/keys.h"
#include "wrapper/wal/segments.h"

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
  RocksLog(std::unique_ptr<rocksdb::DB> db, std::unique_ptr<Segments> segments)
      : db_(std::move(db)), segments_(std::move(segments)) {}

  using Log::write;
  Status write(std::span<const LogBatch> batches, bool sync) override {
    // Values first, then the keys that name them: a key that is there has its value.
    if (Status stored = store_large(batches); !stored) return stored;
    if (sync && segments_->unsynced()) {
      if (Status synced = segments_->sync(); !synced) return synced;
    }
    size_t bytes = 0;
    for (const LogBatch& batch : batches) bytes += batch.small_bytes() + batch.ops().size() * 64;
    rocksdb::WriteBatch out(bytes);
    size_t next_place = 0;
    bool trims = false;
    for (const LogBatch& batch : batches) {
      for (const LogBatch::Op& op : batch.ops()) {
        const bool large = is_large(op);
        const std::string place = large ? encode(places_[next_place++]) : std::string();
        trims = trims || (op.kind == LogBatch::Op::Kind::kEraseRange && op.key[0] == kBlock);
        const rocksdb::Status added = add(op, large ? std::string_view(place) : op.value(), out);
        if (!added.ok()) return to_error("log: write", added);
      }
    }
    rocksdb::WriteOptions options;
    options.sync = sync;
    const rocksdb::Status status = db_->Write(options, &out);
    if (!status.ok()) return to_error("log: write", status);
    return trims ? drop_trimmed() : Status();
  }

  Status scan(std::string_view from, std::string_view end, const Each& each) const override {
    const Slice bound = slice(end);
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read_options(&bound)));
    for (it->Seek(slice(from)); it->Valid(); it->Next()) {
      Place place;
      if (!decode_place(view(it->value()), place)) {
        if (!each(view(it->key()), view(it->value()))) break;
        continue;
      }
      const Result<std::string> value = segments_->read(place);
      if (!value) return value.error();
      if (!each(view(it->key()), *value)) break;
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
    if (!it->Valid() || view(it->key()) < from) return found;
    Place place;
    if (decode_place(view(it->value()), place)) {
      Result<std::string> value = segments_->read(place);
      if (!value) return std::move(value).error();
      found.emplace(view(it->key()), *std::move(value));
    } else {
      found.emplace(view(it->key()), view(it->value()));
    }
    return found;
  }

  // After a crash: forgets keys whose values were dropped (their erasure was not on the disk), and
  // tells whether all values that were written since the last sync are whole.
  Result<bool> check_tail() {
    std::vector<std::string> gone;
    bool whole = true;
    const Slice bound = slice(block_end_);
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read_options(&bound)));
    uint64_t synced = 0;
    std::string marker;
    if (db_->Get(rocksdb::ReadOptions(), kSyncedKey, &marker).ok()) synced = Decoder(marker).u64();
    for (it->Seek(slice(block_begin_)); it->Valid(); it->Next()) {
      Place place;
      if (!decode_place(view(it->value()), place)) continue;
      if (place.file < segments_->first_file()) {
        gone.emplace_back(view(it->key()));
      } else if (place.file > synced) {
        const Result<std::string> value = segments_->read(place);
        whole = whole && value && wire::decode_block(SharedBytes::copy_of(*value));
      }
    }
    if (!it->status().ok()) return to_error("log: read", it->status());
    if (gone.empty()) return whole;
    rocksdb::WriteBatch batch;
    for (const std::string& key : gone) (void)batch.Delete(slice(key));
    const rocksdb::Status status = db_->Write(rocksdb::WriteOptions(), &batch);
    if (!status.ok()) return to_error("log: write", status);
    return whole;
  }

 private:
  // Values from this size on go to the segments; smaller ones are not worth a page of their own.
  static constexpr size_t kLargeBytes = 16u << 10;
  // Everything in segments up to this number is on the disk.
  static constexpr const char* kSyncedKey = "Msynced";

  static bool is_large(const LogBatch::Op& op) {
    return op.large.data != nullptr && op.large.size >= kLargeBytes;
  }

  Status store_large(std::span<const LogBatch> batches) {
    large_.clear();
    places_.clear();
    for (const LogBatch& batch : batches) {
      for (const LogBatch::Op& op : batch.ops()) {
        if (is_large(op)) large_.push_back(op.value());
      }
    }
    if (large_.empty()) return {};
    const uint64_t before = segments_->current_file();
    if (Status appended = segments_->append(large_, places_); !appended) return appended;
    if (segments_->current_file() == before || before == 0) return {};
    // Files before the current one were synced when they were closed.
    rocksdb::WriteBatch marker;
    (void)marker.Put(kSyncedKey, slice(Encoder().u64(segments_->current_file() - 1).bytes()));
    const rocksdb::Status status = db_->Write(rocksdb::WriteOptions(), &marker);
    return status.ok() ? Status() : Status(to_error("log: write", status));
  }

  static rocksdb::Status add(const LogBatch::Op& op, std::string_view value,
                             rocksdb::WriteBatch& out) {
    switch (op.kind) {
      case LogBatch::Op::Kind::kPut:
        return out.Put(slice(op.key), slice(value));
      case LogBatch::Op::Kind::kErase:
        return out.Delete(slice(op.key));
      case LogBatch::Op::Kind::kEraseRange:
        return out.DeleteRange(slice(op.key), slice(op.end));
    }
    return rocksdb::Status::InvalidArgument("unknown operation");
  }

  // Blocks are erased in the order in which they were written: files before the first one that is
  // still named are not needed.
  Status drop_trimmed() {
    const Slice bound = slice(block_end_);
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read_options(&bound)));
    for (it->Seek(slice(block_begin_)); it->Valid(); it->Next()) {
      Place place;
      if (!decode_place(view(it->value()), place)) continue;
      segments_->drop_before(place.file);
      return {};
    }
    if (!it->status().ok()) return to_error("log: read", it->status());
    segments_->drop_before(segments_->current_file());
    return {};
  }

  // Without the bound a scan would walk over the tombstones of all that was trimmed.
  static rocksdb::ReadOptions read_options(const Slice* bound) {
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = bound;
    options.fill_cache = false;
    options.verify_checksums = true;
    return options;
  }

  std::unique_ptr<rocksdb::DB> db_;
  std::unique_ptr<Segments> segments_;
  const std::string block_begin_ = key(kBlock);
  const std::string block_end_ = key_end(kBlock);
  std::vector<std::string_view> large_;  // Of the write under way.
  std::vector<Place> places_;
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
  options.level0_file_num_compaction_trigger = 4;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(1 << 20);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// False if there is no database, or the process that was to make one came no further than to its
// first files.
bool is_there(const std::string& db) {
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(db, failure)) {
    const std::string name = entry.path().filename();
    if (name == "CURRENT" || name.ends_with(".log") || name.ends_with(".sst")) return true;
  }
  // What cannot be looked at is RocksDB's to explain.
  return failure && failure != std::errc::no_such_file_or_directory;
}

}  // namespace

Result<std::unique_ptr<Log>> open_rocks_log(const std::string& dir, const RocksOptions& options) {
  Result<std::unique_ptr<Segments>> segments = Segments::open(dir + "/blocks");
  if (!segments) return std::move(segments).error();
  // Before RocksDB looks for it and complains of an error; what is wrong with it, opening says.
  std::error_code ignored;
  std::filesystem::create_directory(dir + "/db", ignored);
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(make_options(options), dir + "/db", &raw);
  if (!status.ok()) return to_error("log " + dir, status);
  auto log = std::make_unique<RocksLog>(std::unique_ptr<rocksdb::DB>(raw), *std::move(segments));
  Result<bool> whole = log->check_tail();
  if (!whole) return std::move(whole).error();
  if (!*whole) {
    return Error{ErrorCode::kCorrupt,
                 "log " + dir + ": blocks at its end are not what was written"};
  }
  return std::unique_ptr<Log>(std::move(log));
}

Result<std::unique_ptr<const Log>> open_rocks_log_to_read(const std::string& dir) {
  if (!is_there(dir + "/db")) return Error{ErrorCode::kNotFound, "log " + dir + ": there is none"};
  rocksdb::Options options = make_options({});
  options.create_if_missing = false;
  // A record that a crash cut off at the very end is no damage; anything else is, and who looks
  // should know of it, where a node that starts goes on from the last point that is whole.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(options, dir + "/db", &raw);
  if (!status.ok()) {
    Error error = to_error("log " + dir, status);
    // One of its files is not there.
    if (status.IsPathNotFound() || status.IsNotFound()) error.code = ErrorCode::kCorrupt;
    return error;
  }
  return std::unique_ptr<const Log>(std::make_unique<RocksLog>(
      std::unique_ptr<rocksdb::DB>(raw), Segments::open_to_read(dir + "/blocks")));
}

}  // namespace weir::wal
