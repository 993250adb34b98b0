// A wrapper's log on a simulated disk: what was handed over, what is written, what is synced, and
// older copies that somebody may put back.
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "wrapper/wal/memory_log.h"

namespace weir::sim {

class LogDisk {
 public:
  const wal::MemoryLog& log() const { return log_; }

  // Handed over by the node; not written yet.
  void submit(wal::LogBatch batch, bool sync) { waiting_.emplace_back(std::move(batch), sync); }
  size_t waiting() const { return waiting_.size(); }
  bool next_is_synced() const { return waiting_.front().second; }
  // The first of those that wait.
  void write_next() {
    (void)log_.write(waiting_.front().first, waiting_.front().second);
    waiting_.pop_front();
  }
  // The process is gone: no more than `written` of those that wait come into the log.
  void stop_writing(size_t written) {
    for (size_t i = 0; i < written && !waiting_.empty(); ++i) write_next();
    waiting_.clear();
  }

  size_t unsynced() const { return log_.unsynced_batches(); }
  void lose_unsynced(size_t kept) { log_.lose_unsynced(kept); }

  void keep_copy() {
    copies_.push_back(std::make_unique<wal::MemoryLog>(log_));
    if (copies_.size() > kCopiesMax) copies_.erase(copies_.begin());
  }
  size_t copies() const { return copies_.size(); }
  void restore(size_t copy) { log_ = *copies_[copy]; }
  void wipe() {
    log_ = wal::MemoryLog();
    copies_.clear();
  }

 private:
  static constexpr size_t kCopiesMax = 3;

  wal::MemoryLog log_;
  std::deque<std::pair<wal::LogBatch, bool>> waiting_;
  std::vector<std::unique_ptr<wal::MemoryLog>> copies_;
};

}  // namespace weir::sim
