// The lane that a node writes: numbers its blocks, stages and publishes them, keeps what its
// readers still need, and trims what they have settled. Pure: what is to be written goes into a
// LogBatch of the caller's; what is read back comes through the Log seam.
//
//   append(): staged --publish()--> in a commit --persisted()--> visible: may be sent --trim()-->
//   gone
//                 '---discard_staged()--> gone, its numbers are used again
#pragma once

#include <algorithm>
#include <deque>
#include <optional>

#include "schema/base/result.h"
#include "schema/edge/history.h"
#include "schema/wire/block.h"
#include "wrapper/core/builder.h"
#include "wrapper/core/state.h"
#include "wrapper/wal/log.h"

namespace weir::core {

class Lane {
 public:
  // Blocks kept in memory for readers that follow closely; others are served from the log.
  static constexpr size_t kRecentBytesMax = 12u << 20;
  // The same of blocks that are not visible yet: what a usual unit writes is not read back.
  static constexpr size_t kStagedBytesMax = 16u << 20;
  // Blocks are trimmed in groups of at least this size: one range erased instead of many keys. Of a
  // small log they are an eighth, so that what waits for its group to be complete does not fill it.
  static constexpr uint64_t kGroupBytes = 1u << 20;
  static constexpr uint64_t kGroupBytesMin = 128u << 10;
  static constexpr uint64_t group_bytes(uint64_t log_limit_bytes) {
    if (log_limit_bytes == 0) return kGroupBytes;
    return std::clamp(log_limit_bytes / 8, kGroupBytesMin, kGroupBytes);
  }

  // Takes up the log's state for a new incarnation, writes what opening it means into `batch` (to
  // be synced): closes the last history entry, drops staged blocks, opens an entry for `of`. `log`
  // must outlive the lane.
  Lane(const wal::Log& log, const LogState& state, const Incarnation& of, wal::LogBatch& batch,
       uint64_t group_bytes = kGroupBytes);

  // Stages a payload as the next block. Numbers follow the last staged block.
  const wire::Block& append(Cut cut, wire::Shape shape, wal::LogBatch& batch);
  void append_mark(const wire::Mark& mark, wal::LogBatch& batch);
  // Everything staged so far becomes visible with the commit that `batch` is part of. The caller
  // writes the CommitState; `published` in it is staged_last().
  void publish(wal::LogBatch& batch);
  // The commit that published up to `last` is in the log.
  void persisted(uint64_t last);
  void discard_staged(wal::LogBatch& batch);
  uint64_t staged_bytes() const { return staged_bytes_; }

  uint64_t staged_last() const { return staged_last_; }
  uint64_t published_last() const { return history_.newest().last; }
  RecordId published_id() const;
  const Incarnation& incarnation() const { return of_; }
  const edge::History& history() const { return history_; }
  // Nothing before this record is left.
  const RecordId& first_held() const { return first_held_; }
  uint64_t log_bytes() const { return log_bytes_; }
  // Visible records after `id`; all that are held if that is before the first of them.
  uint64_t records_after(const RecordId& id) const;

  // The visible block that has the record `id`, from memory or from the log; nothing if it does not
  // exist yet.
  Result<std::optional<wire::Block>> block_at(const RecordId& id) const;
  // The record after a block in this lane.
  RecordId next_after(const wire::Block& block) const {
    return history_.after(block.header.last_id());
  }

  // All readers have settled up to `settled`, and none needs a block before `sent` from memory.
  // Erases whole groups; true if anything was.
  bool trim(const RecordId& settled, wal::LogBatch& batch);
  // Of the published blocks in memory.
  uint64_t recent_bytes() const { return recent_bytes_ - std::min(recent_bytes_, staged_bytes_); }
  // True if the record, or what comes after all others, is not to be read from the log.
  bool is_recent(const RecordId& id) const {
    return recent_.empty() ? id >= history_.next() : id >= recent_.front().header.first_id();
  }
  void forget_recent(const RecordId& sent);

 private:
  void hold(const wire::Block& block, wal::LogBatch& batch);
  void recover_tail_group(const LogState& state);

  const wal::Log& log_;
  uint32_t format_;  // Of the log.
  Incarnation of_;
  edge::History history_;         // Visible records only.
  uint64_t publishing_last_ = 0;  // Visible once the commits under way are in the log.
  uint64_t staged_last_ = 0;
  uint64_t staged_bytes_ = 0;
  std::deque<wire::Block> recent_;  // Consecutive, ends with the last appended.
  uint64_t recent_bytes_ = 0;
  std::deque<Group> groups_;
  uint64_t group_bytes_wanted_;
  uint64_t group_bytes_ = 0;  // Of the group that is still growing.
  RecordId first_held_;
  uint64_t log_bytes_ = 0;
};

}  // namespace weir::core
