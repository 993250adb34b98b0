// The seam between a wrapper and its write-ahead log: one ordered map of keys to values, written in
// atomic batches. RocksLog keeps it on disk, MemoryLog in tests. Keys are made in keys.h.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/shared_bytes.h"

namespace weir::wal {

// What one commit writes. Operations take effect in order, all or none.
class LogBatch {
 public:
  static constexpr size_t kSharedBytesMin = 16u << 10;

  struct Op {
    enum class Kind { kPut, kErase, kEraseRange } kind = Kind::kPut;
    // Of what is put. Shared bytes may be kept outside the database, and their key must be in a
    // range for that (ranges.h).
    enum class ValueClass { kInline, kShared } value_class = ValueClass::kInline;
    std::string key;
    std::string end;  // kEraseRange: the first key that stays.
    std::string inlined;
    SharedBytes shared;

    std::string_view value() const {
      return value_class == ValueClass::kShared ? shared.view() : inlined;
    }
  };

  void put(std::string key, std::string value) {
    bytes_ += key.size() + value.size();
    small_bytes_ += key.size() + value.size();
    ops_.push_back(
        {Op::Kind::kPut, Op::ValueClass::kInline, std::move(key), {}, std::move(value), {}});
  }
  void put(std::string key, SharedBytes value) {
    bytes_ += key.size() + value.size;
    small_bytes_ += key.size() + std::min(value.size, kSharedBytesMin);
    ops_.push_back(
        {Op::Kind::kPut, Op::ValueClass::kShared, std::move(key), {}, {}, std::move(value)});
  }
  void erase(std::string key) {
    ops_.push_back({Op::Kind::kErase, {}, std::move(key), {}, {}, {}});
  }
  // Erases all keys in [from, end).
  void erase_range(std::string from, std::string end) {
    ops_.push_back({Op::Kind::kEraseRange, {}, std::move(from), std::move(end), {}, {}});
  }

  const std::vector<Op>& ops() const { return ops_; }
  bool empty() const { return ops_.empty(); }
  size_t bytes() const { return bytes_; }
  // Without the values that are shared, not copied.
  size_t small_bytes() const { return small_bytes_; }

 private:
  std::vector<Op> ops_;
  size_t bytes_ = 0;
  size_t small_bytes_ = 0;
};

class Log {
 public:
  virtual ~Log() = default;

  // Applies the batches in order, all of a batch or none; with `sync` they are on the disk when
  // this returns. An error is final: the log's tail is unknown, the process must end and open it
  // anew. Thread: one writer at a time.
  virtual Status write(std::span<const LogBatch> batches, bool sync) = 0;
  Status write(const LogBatch& batch, bool sync) { return write(std::span(&batch, 1), sync); }

  // Calls `each` for the keys in [from, end) in order until it returns false. Any thread.
  using Each = std::function<bool(std::string_view key, std::string_view value)>;
  virtual Status scan(std::string_view from, std::string_view end, const Each& each) const = 0;

  // The value of this key, or nothing.
  virtual Result<std::optional<std::string>> get(std::string_view key) const = 0;

  // The last key in [from, end) and its value, or nothing.
  virtual Result<std::optional<std::pair<std::string, std::string>>> last(
      std::string_view from, std::string_view end) const = 0;
};

}  // namespace weir::wal
