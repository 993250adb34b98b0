#include "wrapper/wal/rocks_log.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <filesystem>
#include <map>

#include "schema/base/check.h"
#include "schema/base/codec.h"
#include "schema/rocks/rocks.h"
#include "wrapper/wal/keys.h"
#include "wrapper/wal/segments.h"
#include "wrapper/wal/synced_mark.h"

namespace weir::wal {
namespace {

using rocksdb::Slice;

Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const Slice& bytes) { return {bytes.data(), bytes.size()}; }

Error corrupt(std::string what) { return Error{ErrorCode::kCorrupt, std::move(what)}; }

class RocksLog : public InspectedLog {
 public:
  // Without a mark it is only looked at.
  RocksLog(std::unique_ptr<rocksdb::DB> db, std::unique_ptr<Segments> segments,
           std::optional<SyncedMark> mark, std::span<const SegmentedRange> ranges)
      : db_(std::move(db)),
        segments_(std::move(segments)),
        mark_(std::move(mark)),
        ranges_(ranges.begin(), ranges.end()) {}

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
    bool discards = false;
    for (const LogBatch& batch : batches) {
      for (const LogBatch::Op& op : batch.ops()) {
        const SegmentedRange* const range = range_of(op.key);
        std::string stored;  // If it is not the value as it is.
        if (is_large(op)) {
          const Place& place = places_[next_place++];
          last_in_file_[place.file][op.key[0]] = op.key;
          stored = encode(place);
        } else if (range != nullptr && looks_stored(op.value())) {
          stored = kInlineMark + std::string(op.value());
        }
        if (range != nullptr && op.kind == LogBatch::Op::Kind::kEraseRange) {
          const bool discard = op.end == key_end(range->letter);
          discards = discards || discard;
          trims = forget_erased(op, discard) || trims;
        }
        const rocksdb::Status added = add(op, stored.empty() ? op.value() : stored, out);
        if (!added.ok()) return rocks::to_error("log: write", added);
      }
    }
    rocksdb::WriteOptions options;
    options.sync = sync;
    const rocksdb::Status status = db_->Write(options, &out);
    if (!status.ok()) return rocks::to_error("log: write", status);
    if (sync) {
      if (Status marked = mark_->reached(db_->GetLatestSequenceNumber()); !marked) return marked;
    }
    return trims ? drop_unnamed(sync, discards) : Status();
  }

  Status scan(std::string_view from, std::string_view end, const Each& each) const override {
    const Slice bound = slice(end);
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read_options(&bound)));
    for (it->Seek(slice(from)); it->Valid(); it->Next()) {
      const Stored stored = stored_as(view(it->key()), view(it->value()));
      if (!stored.place) {
        if (!each(view(it->key()), stored.value)) break;
        continue;
      }
      const Result<std::string> value = read(view(it->key()), *stored.place);
      if (!value) return value.error();
      if (!each(view(it->key()), *value)) break;
    }
    if (!it->status().ok()) return rocks::to_error("log: read", it->status());
    return {};
  }

  Result<std::optional<std::string>> get(std::string_view key) const override {
    std::string raw;
    const rocksdb::Status status = db_->Get(read_options(nullptr), slice(key), &raw);
    if (status.IsNotFound()) return std::optional<std::string>();
    if (!status.ok()) return rocks::to_error("log: read", status);
    const Stored stored = stored_as(key, raw);
    if (!stored.place) return std::optional<std::string>(stored.value);
    Result<std::string> value = read(key, *stored.place);
    if (!value) return std::move(value).error();
    return std::optional<std::string>(*std::move(value));
  }

  Result<std::optional<std::pair<std::string, std::string>>> last(
      std::string_view from, std::string_view end) const override {
    const Slice bound = slice(end);
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read_options(&bound)));
    it->SeekForPrev(slice(end));
    if (!it->status().ok()) return rocks::to_error("log: read", it->status());
    std::optional<std::pair<std::string, std::string>> found;
    if (!it->Valid() || view(it->key()) < from) return found;
    const Stored stored = stored_as(view(it->key()), view(it->value()));
    if (stored.place) {
      Result<std::string> value = read(view(it->key()), *stored.place);
      if (!value) return std::move(value).error();
      found.emplace(view(it->key()), *std::move(value));
    } else {
      found.emplace(view(it->key()), stored.value);
    }
    return found;
  }

  // What a killed process wrote is there, and after a power cut what was synced: of all values in
  // segments their files, and those since the last sync byte by byte.
  Status check_segments() const {
    uint64_t synced = 0;
    std::string marker;
    if (db_->Get(rocksdb::ReadOptions(), kSyncedKey, &marker).ok()) synced = Decoder(marker).u64();
    std::map<uint64_t, uint64_t> files;  // How long they are at least.
    for (const SegmentedRange& range : ranges_) {
      Status damage;
      Status listed = list(key(range.letter), key_end(range.letter), [&](const Entry& entry) {
        if (!entry.place) return true;
        uint64_t& bytes = files[entry.place->file];
        bytes = std::max(bytes, entry.place->offset + entry.place->size);
        if (entry.place->file <= synced) return true;
        const Result<std::string> value = read(entry.key, *entry.place);
        if (!value) damage = value.error();
        return damage.has_value();
      });
      if (!listed) return listed;
      if (!damage) return damage;
    }
    for (const auto& [file, bytes] : files) {
      if (Status there = segments_->check(file, bytes); !there) return there;
    }
    return {};
  }

  // ---- InspectedLog

  Status list(std::string_view from, std::string_view end, const EachEntry& each) const override {
    const Slice bound = slice(end);
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read_options(&bound)));
    for (it->Seek(slice(from)); it->Valid(); it->Next()) {
      const Stored stored = stored_as(view(it->key()), view(it->value()));
      const Entry entry{view(it->key()), stored.value, stored.place};
      if (!each(entry)) break;
    }
    if (!it->status().ok()) return rocks::to_error("log: read", it->status());
    return {};
  }

  Result<std::string> read(std::string_view key, const Place& place) const override {
    Result<std::string> value = segments_->read(place);
    if (!value) return value;
    if (Status whole = range_of(key)->check(key, *value); !whole) {
      return std::move(whole).error().in("log " + segments_->path(place.file));
    }
    return value;
  }

  std::string file_of(const Place& place) const override { return segments_->path(place.file); }

  void check_tables(const OnDamage& on_damage) const override {
    std::vector<rocksdb::LiveFileMetaData> files;
    db_->GetLiveFilesMetaData(&files);
    for (const rocksdb::LiveFileMetaData& file : files) {
      const std::string path = file.db_path + file.name;
      rocksdb::SstFileReader table(db_->GetOptions());
      rocksdb::Status status = table.Open(path);
      if (status.ok()) status = table.VerifyChecksum();
      if (status.ok()) continue;
      on_damage({path, status.ToString(), file.smallestkey, file.largestkey});
    }
  }

 private:
  // Values from this size on go to the segments; smaller ones are not worth a page of their own.
  static constexpr size_t kLargeBytes = 16u << 10;
  // Everything in segments up to this number is on the disk.
  static constexpr const char* kSyncedKey = "Msynced";

  // In front of a value of a segmented range that would be taken for something else.
  static constexpr char kInlineMark = 'I';

  const SegmentedRange* range_of(std::string_view key) const {
    for (const SegmentedRange& range : ranges_) {
      if (range.letter == key[0]) return &range;
    }
    return nullptr;
  }

  // What stands in the database for a value: itself, or where it is.
  struct Stored {
    std::string_view value;
    std::optional<Place> place;
  };
  Stored stored_as(std::string_view key, std::string_view raw) const {
    Place place;
    if (raw.empty() || range_of(key) == nullptr) return {raw, {}};
    if (decode_place(raw, place)) return {{}, place};
    if (raw[0] == kInlineMark) raw.remove_prefix(1);
    return {raw, {}};
  }
  static bool looks_stored(std::string_view value) {
    return !value.empty() && (value[0] == kInlineMark || value[0] == kPlaceMark);
  }

  // Keys are erased. True if a file may be named by none any more, or if it is not known.
  bool forget_erased(const LogBatch::Op& op, bool discard) {
    for (auto& [file, last_keys] : last_in_file_) {
      const auto last = last_keys.find(op.key[0]);
      if (last == last_keys.end()) continue;
      // Discarded keys are used again, in other files.
      if (discard ? last->second >= op.key : last->second < op.end) last_keys.erase(last);
    }
    if (discard) return true;
    if (segments_->first_file() == segments_->current_file()) return false;
    const auto first = last_in_file_.find(segments_->first_file());
    return first == last_in_file_.end() || first->second.empty();
  }

  bool is_large(const LogBatch::Op& op) const {
    const bool large = op.kind == LogBatch::Op::Kind::kPut &&
                       op.value_class == LogBatch::Op::ValueClass::kShared &&
                       op.shared.size >= kLargeBytes;
    WEIR_CHECK(!large || range_of(op.key) != nullptr, "a large value outside the segmented ranges");
    return large;
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
    return status.ok() ? Status() : Status(rocks::to_error("log: write", status));
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

  // Values are erased in the order in which they were written, and staged ones (`discards`) from
  // the end: files before the first one that is still named, and after the last, are not needed.
  // What erased their keys is on the disk before they are removed, so a file that is named and not
  // there is damage.
  Status drop_unnamed(bool synced, bool discards) {
    const uint64_t current = segments_->current_file();
    uint64_t first = current;
    for (const SegmentedRange& range : ranges_) {
      Status listed = list(key(range.letter), key_end(range.letter), [&](const Entry& entry) {
        if (entry.place) first = std::min(first, entry.place->file);
        return !entry.place;
      });
      if (!listed) return listed;
    }
    const Result<uint64_t> last = discards ? last_named(current) : Result<uint64_t>(current);
    if (!last) return last.error();
    if (first <= segments_->first_file() && *last + 1 >= current) return {};
    const rocksdb::Status status = synced ? rocksdb::Status() : db_->SyncWAL();
    if (!status.ok()) return rocks::to_error("log: sync", status);
    segments_->drop_before(first);
    last_in_file_.erase(last_in_file_.begin(), last_in_file_.lower_bound(first));
    segments_->drop_after(*last);
    return {};
  }

  // `otherwise`: if no file is named.
  Result<uint64_t> last_named(uint64_t otherwise) const {
    std::optional<uint64_t> last;
    for (const SegmentedRange& range : ranges_) {
      const std::string begin = key(range.letter);
      const std::string end = key_end(range.letter);
      const Slice bound = slice(end);
      std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read_options(&bound)));
      for (it->SeekForPrev(bound); it->Valid() && view(it->key()) >= begin; it->Prev()) {
        const Stored stored = stored_as(view(it->key()), view(it->value()));
        if (!stored.place) continue;
        last = std::max(last.value_or(0), stored.place->file);
        break;
      }
      if (!it->status().ok()) return rocks::to_error("log: read", it->status());
    }
    return last.value_or(otherwise);
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
  std::optional<SyncedMark> mark_;
  const std::vector<SegmentedRange> ranges_;
  // Of each file that was written since this log was opened: the last key of each range in it that
  // is not erased.
  std::map<uint64_t, std::map<char, std::string>> last_in_file_;
  std::vector<std::string_view> large_;  // Of the write under way.
  std::vector<Place> places_;
};

std::string mark_path(const std::string& dir) { return dir + "/synced"; }

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

rocksdb::Options make_options(const RocksOptions& ours, std::shared_ptr<rocks::Logger> logger) {
  rocksdb::Options options = rocks::base_options(std::move(logger));
  options.recycle_log_file_num = 0;  // Others can lose data at recovery in this version.
  options.manual_wal_flush = false;
  options.compression =
      rocksdb::kNoCompression;  // The bytes pass once; the processor is the bottleneck.
  options.write_buffer_size = ours.write_buffer_bytes;
  options.max_write_buffer_number = 3;
  options.max_open_files = -1;  // DeleteRange needs its tables open.
  options.max_background_jobs = 2;
  options.avoid_unnecessary_blocking_io = true;
  options.level0_file_num_compaction_trigger = 4;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(1 << 20);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

using Opened = Result<std::unique_ptr<rocksdb::DB>>;

Opened opened(const std::string& dir, const rocksdb::Status& status, rocksdb::DB* db,
              const rocks::Logger& logger) {
  if (status.ok()) return std::unique_ptr<rocksdb::DB>(db);
  Error error = rocks::to_error("log " + dir, status);
  // The older name of its tables, which it tries last.
  const size_t table = error.what.find(".ldb");
  if (table != std::string::npos) error.what.replace(table, 4, ".sst");
  // One of its files is not there.
  if (status.IsPathNotFound() || status.IsNotFound()) error.code = ErrorCode::kCorrupt;
  if (error.code == ErrorCode::kCorrupt && !logger.dropped().empty()) {
    error.what += " (" + logger.dropped() + ")";
  }
  return error;
}

constexpr auto kWholeButTheEnd = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
constexpr auto kUpToThePointThatIsWhole = rocksdb::WALRecoveryMode::kPointInTimeRecovery;

Opened open_db_to_read(const std::string& dir, rocksdb::WALRecoveryMode mode) {
  const auto logger = std::make_shared<rocks::Logger>();
  rocksdb::Options options = make_options({}, logger);
  options.create_if_missing = false;
  options.wal_recovery_mode = mode;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(options, dir + "/db", &db);
  return opened(dir, status, db, *logger);
}

Opened open_db(const std::string& dir, const RocksOptions& ours, rocksdb::WALRecoveryMode mode) {
  const auto logger = std::make_shared<rocks::Logger>();
  rocksdb::Options options = make_options(ours, logger);
  options.create_if_missing = !is_there(dir + "/db");
  options.wal_recovery_mode = mode;
  // Before RocksDB looks for it and complains of an error; what is wrong with it, opening says.
  std::error_code ignored;
  std::filesystem::create_directory(dir + "/db", ignored);
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, dir + "/db", &db);
  return opened(dir, status, db, *logger);
}

// R5: what was synced is all there, or the log is damaged. `why`: what RocksDB said, if anything.
Status check_end(const std::string& dir, uint64_t have, uint64_t synced, const std::string& why) {
  if (have >= synced) return {};
  const std::string cause =
      why.empty() ? "log " + dir + ": a file of " + dir + "/db is missing, cut off, or old" : why;
  return corrupt(cause + ": of " + std::to_string(synced) + " writes that were on the disk " +
                 std::to_string(synced - have) + " are gone");
}

// What RocksDB would mend without a word, by making a new database.
Status check_there(const std::string& dir, uint64_t synced) {
  const std::string db = dir + "/db";
  std::error_code failure;
  if (!is_there(db)) {
    if (synced == 0) return {};
    return corrupt("log " + db + ": there is nothing in it, where " + std::to_string(synced) +
                   " writes were on the disk");
  }
  if (std::filesystem::exists(db + "/CURRENT", failure) || failure) return {};
  return corrupt("log " + db + "/CURRENT is missing");
}

// A tail that was never synced may be lost with the power, and then there can be anything in its
// place. Such a log is opened up to there; one that has lost more is not touched.
Opened open_checked(const std::string& dir, const RocksOptions& options, uint64_t synced) {
  if (Status there = check_there(dir, synced); !there) return there.error();
  Opened whole = open_db(dir, options, kWholeButTheEnd);
  if (whole || whole.error().code != ErrorCode::kCorrupt) return whole;
  const Opened look = open_db_to_read(dir, kUpToThePointThatIsWhole);
  if (!look) return look.error();
  const uint64_t have = (*look)->GetLatestSequenceNumber();
  const std::string& why = whole.error().what;
  if (Status end = check_end(dir, have, synced, why); !end) return end.error();
  if (options.on_remark) options.on_remark(why + ": what follows was not synced, and is lost");
  return open_db(dir, options, kUpToThePointThatIsWhole);
}

}  // namespace

Result<std::unique_ptr<Log>> open_rocks_log(const std::string& dir, const RocksOptions& options) {
  Result<std::unique_ptr<Segments>> segments = Segments::open(dir + "/blocks", options.limit_bytes);
  if (!segments) return std::move(segments).error();
  Result<SyncedMark> mark = SyncedMark::open(mark_path(dir));
  if (!mark) return std::move(mark).error();
  const uint64_t synced = mark->synced();
  Opened db = open_checked(dir, options, synced);
  if (!db) return std::move(db).error();
  if (Status end = check_end(dir, (*db)->GetLatestSequenceNumber(), synced, ""); !end) {
    return end.error();
  }
  auto log = std::make_unique<RocksLog>(*std::move(db), *std::move(segments), *std::move(mark),
                                        options.segmented);
  if (Status whole = log->check_segments(); !whole) return whole.error();
  return std::unique_ptr<Log>(std::move(log));
}

Result<std::unique_ptr<const InspectedLog>> open_rocks_log_to_read(const std::string& dir,
                                                                   Trust trust) {
  const uint64_t synced = SyncedMark::read(mark_path(dir)).value_or(0);
  if (!is_there(dir + "/db") && synced == 0) {
    return Error{ErrorCode::kNotFound, "log " + dir + ": there is none"};
  }
  if (Status there = check_there(dir, synced); !there) return there.error();
  const bool strict = trust == Trust::kWhole;
  Opened db = open_db_to_read(dir, strict ? kWholeButTheEnd : kUpToThePointThatIsWhole);
  if (!db) return std::move(db).error();
  if (strict) {
    if (Status end = check_end(dir, (*db)->GetLatestSequenceNumber(), synced, ""); !end) {
      return end.error();
    }
  }
  return std::unique_ptr<const InspectedLog>(std::make_unique<RocksLog>(
      *std::move(db), Segments::open_to_read(dir + "/blocks"), std::nullopt, segmented_ranges()));
}

}  // namespace weir::wal
