// A log in memory, for tests and simulation: remembers what was synced, so that a crash can lose
// the rest.
#pragma once

#include <map>

#include "wrapper/wal/log.h"

namespace weir::wal {

class MemoryLog : public Log {
 public:
  using Log::write;
  Status write(std::span<const LogBatch> batches, bool sync) override;
  Status scan(std::string_view from, std::string_view end, const Each& each) const override;
  Result<std::optional<std::string>> get(std::string_view key) const override;
  Result<std::optional<std::pair<std::string, std::string>>> last(
      std::string_view from, std::string_view end) const override;

  // A power cut: back to the state of the last sync, plus the first `kept` later batches.
  void lose_unsynced(size_t kept = 0);
  size_t unsynced_batches() const { return unsynced_.size(); }
  const std::map<std::string, std::string>& contents() const { return map_; }

 private:
  static void apply(const LogBatch& batch, std::map<std::string, std::string>& map);

  std::map<std::string, std::string> map_;
  std::map<std::string, std::string> synced_;
  std::vector<LogBatch> unsynced_;
};

}  // namespace weir::wal
