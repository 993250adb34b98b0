// The one file of the broker that sees RocksDB.
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <filesystem>

#include "broker/store/store.h"
#include "schema/rocks/rocks.h"

namespace weir::broker {
namespace {

Error to_error(const rocksdb::Status& status, std::string_view where) {
  return rocks::to_error("store: " + std::string(where), status);
}

rocksdb::Options store_options() {
  rocksdb::Options options = rocks::base_options(std::make_shared<rocks::Logger>());
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // A few thousand small records.
  options.write_buffer_size = 1u << 20;
  options.max_background_jobs = 1;
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
  if (opened.ok()) {
    return std::unique_ptr<Store>(std::make_unique<RocksStore>(std::unique_ptr<rocksdb::DB>(db)));
  }
  Error error = to_error(opened, "open " + folder);
  if (error.code == ErrorCode::kConflict) {
    return Error{ErrorCode::kConflict, "store: " + folder +
                                           " is in use: another broker runs on this data folder; "
                                           "stop that one, or give this one another --data"};
  }
  return error;
}

}  // namespace weir::broker
