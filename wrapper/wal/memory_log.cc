#include "wrapper/wal/memory_log.h"

namespace weir::wal {

void MemoryLog::apply(const LogBatch& batch, std::map<std::string, std::string>& map) {
  for (const LogBatch::Op& op : batch.ops()) {
    switch (op.kind) {
      case LogBatch::Op::Kind::kPut:
        map[op.key] = std::string(op.value());
        break;
      case LogBatch::Op::Kind::kErase:
        map.erase(op.key);
        break;
      case LogBatch::Op::Kind::kEraseRange:
        map.erase(map.lower_bound(op.key), map.lower_bound(op.end));
        break;
    }
  }
}

Status MemoryLog::write(std::span<const LogBatch> batches, bool sync) {
  for (const LogBatch& batch : batches) {
    apply(batch, map_);
    unsynced_.push_back(batch);
  }
  if (sync) {
    for (const LogBatch& each : unsynced_) apply(each, synced_);
    unsynced_.clear();
  }
  return {};
}

Status MemoryLog::scan(std::string_view from, std::string_view end, const Each& each) const {
  for (auto it = map_.lower_bound(std::string(from)); it != map_.end() && it->first < end; ++it) {
    if (!each(it->first, it->second)) break;
  }
  return {};
}

Result<std::optional<std::string>> MemoryLog::get(std::string_view key) const {
  const auto found = map_.find(std::string(key));
  if (found == map_.end()) return std::optional<std::string>();
  return std::optional<std::string>(found->second);
}

Result<std::optional<std::pair<std::string, std::string>>> MemoryLog::last(
    std::string_view from, std::string_view end) const {
  auto it = map_.lower_bound(std::string(end));
  if (it == map_.begin()) return std::optional<std::pair<std::string, std::string>>();
  --it;
  if (it->first < from) return std::optional<std::pair<std::string, std::string>>();
  return std::optional<std::pair<std::string, std::string>>(*it);
}

void MemoryLog::lose_unsynced(size_t kept) {
  for (size_t i = 0; i < kept && i < unsynced_.size(); ++i) apply(unsynced_[i], synced_);
  unsynced_.clear();
  map_ = synced_;
}

}  // namespace weir::wal
