#include "wrapper/core/lane.h"

#include <algorithm>

#include "schema/base/check.h"
#include "wrapper/core/log_entries.h"
#include "wrapper/wal/keys.h"

namespace weir::core {

using wal::key;

Lane::Lane(const wal::Log& log, const LogState& state, const Incarnation& of, wal::LogBatch& batch,
           uint64_t group_bytes)
    : log_(log), format_(state.format), of_(of), group_bytes_wanted_(group_bytes) {
  std::vector<edge::HistoryEntry> entries = state.history;
  if (!entries.empty()) {
    // The last entry was open: what it reaches is in the last commit, if that was its own.
    edge::HistoryEntry& last = entries.back();
    last.last = state.commit.of == last.of ? state.commit.published : last.first - 1;
    if (last.empty() && entries.size() > 1) {
      erase_history(batch, last.of);
      entries.pop_back();
    } else {
      put_history(batch, last);
    }
  }
  history_ = edge::History(std::move(entries));
  if (!history_.empty()) {
    // Staged blocks of an unfinished unit are dropped: they were never visible.
    erase_blocks_from(batch, history_.next());
    groups_.assign(state.groups.begin(), state.groups.end());
    while (!groups_.empty() && groups_.back().last >= history_.next()) {
      erase_group(batch, groups_.back());
      groups_.pop_back();
    }
  }
  recover_tail_group(state);
  history_.open(of_);
  put_history(batch, history_.newest());
  staged_last_ = publishing_last_ = history_.newest().last;
  for (const Group& group : groups_) log_bytes_ += group.bytes;
  log_bytes_ += group_bytes_;
  if (first_held_.none()) first_held_ = history_.next();
}

// Finds the first block held, and adds up the blocks written since the last group was closed.
void Lane::recover_tail_group(const LogState& state) {
  if (history_.empty()) return;
  if (state.first_block < history_.next()) first_held_ = state.first_block;
  const RecordId from = groups_.empty() ? RecordId{} : groups_.back().last;
  for (const Group& block : state.tail) {
    if (block.last > from && block.last < history_.next()) group_bytes_ += block.bytes;
  }
}

RecordId Lane::published_id() const { return {of_.term, of_.boot, history_.newest().last}; }

uint64_t Lane::records_after(const RecordId& id) const {
  const RecordId from = std::max(history_.after(id), first_held_);
  uint64_t count = 0;
  for (const edge::HistoryEntry& entry : history_.entries()) {
    const RecordId last{entry.of.term, entry.of.boot, entry.last};
    if (entry.empty() || last < from) continue;
    const bool inside = entry.first_id() <= from;
    count += entry.last - (inside ? from.seq : entry.first) + 1;
  }
  return count;
}

const wire::Block& Lane::append(Cut cut, wire::Shape shape, wal::LogBatch& batch) {
  wire::BlockHeader header;
  header.of = of_;
  header.first = staged_last_ + 1;
  header.pieces = cut.pieces;
  header.payload_bytes = cut.payload_bytes;
  header.continued = cut.continued;
  header.shape = shape;
  hold(wire::finish_block(std::move(cut.buffer), header), batch);
  return recent_.back();
}

void Lane::append_mark(const wire::Mark& mark, wal::LogBatch& batch) {
  hold(wire::make_mark(of_, staged_last_ + 1, mark), batch);
}

void Lane::hold(const wire::Block& block, wal::LogBatch& batch) {
  // From now on an older release, which could not read it, refuses the log.
  if (block.header.version() > format_) put_format(batch, format_ = block.header.version());
  put_block(batch, block);
  staged_last_ = block.header.last();
  staged_bytes_ += block.wire_bytes();
  log_bytes_ += block.wire_bytes();
  group_bytes_ += block.wire_bytes();
  recent_.push_back(block);
  recent_bytes_ += block.wire_bytes();
}

void Lane::publish(wal::LogBatch& batch) {
  staged_bytes_ = 0;
  publishing_last_ = staged_last_;
  if (group_bytes_ < group_bytes_wanted_) return;
  // The END stays: a reader that loses its log has to be told again.
  const wire::Block* last = recent_.empty() ? nullptr : &recent_.back();
  const bool ends = last != nullptr && last->header.is_end() &&
                    last->header.last_id() == RecordId{of_.term, of_.boot, staged_last_};
  const uint64_t kept = ends ? last->wire_bytes() : 0;
  const uint64_t seq = staged_last_ - (ends ? 1 : 0);
  groups_.push_back({{of_.term, of_.boot, seq}, group_bytes_ - kept});
  put_group(batch, groups_.back());
  group_bytes_ = kept;
}

// R1: only what is in the log becomes visible, and only what is visible is sent.
void Lane::persisted(uint64_t last) {
  if (last > history_.newest().last) history_.advance(last);
}

void Lane::discard_staged(wal::LogBatch& batch) {
  const uint64_t published = publishing_last_;
  if (staged_last_ == published) return;
  erase_blocks_from(batch, {of_.term, of_.boot, published + 1});
  while (!recent_.empty() && recent_.back().header.last() > published &&
         recent_.back().header.of == of_) {
    recent_bytes_ -= recent_.back().wire_bytes();
    recent_.pop_back();
  }
  staged_last_ = published;
  log_bytes_ -= staged_bytes_;
  group_bytes_ -= std::min(group_bytes_, staged_bytes_);
  staged_bytes_ = 0;
}

Result<std::optional<wire::Block>> Lane::block_at(const RecordId& id) const {
  if (id >= history_.next()) return std::optional<wire::Block>();
  const auto found = std::lower_bound(recent_.begin(), recent_.end(), id,
                                      [](const wire::Block& block, const RecordId& wanted) {
                                        return block.header.last_id() < wanted;
                                      });
  if (found != recent_.end() && found->header.first_id() <= id) return std::optional(*found);

  // Keys are the first records of blocks: the last key not after `id` is the one.
  const RecordId beyond{id.term, id.boot, id.seq + 1};
  auto entry = log_.last(key(wal::kBlock), key(wal::kBlock, beyond));
  if (!entry) return std::move(entry).error();
  if (!entry->has_value()) {
    return Error{ErrorCode::kCorrupt, "log: record " + to_string(id) + " is missing"};
  }
  Result<wire::Block> block = wire::decode_block(SharedBytes::of(std::move((*entry)->second)));
  if (!block) return std::move(block).error().in("log: record " + to_string(id));
  const bool is_named = key(wal::kBlock, block->header.first_id()) == (*entry)->first;
  if (!is_named || block->header.last_id() < id) {
    return Error{ErrorCode::kCorrupt, "log: record " + to_string(id) + " is missing"};
  }
  return std::optional(*std::move(block));
}

bool Lane::trim(const RecordId& settled, wal::LogBatch& batch) {
  const RecordId limit = std::min(settled, published_id());
  RecordId last;
  while (!groups_.empty() && groups_.front().last <= limit) {
    last = groups_.front().last;
    log_bytes_ -= groups_.front().bytes;
    groups_.pop_front();
  }
  if (last.none()) return false;
  erase_trimmed(batch, first_held_, last);
  first_held_ = std::max(first_held_, history_.after(last));
  for (const edge::HistoryEntry& entry : history_.entries()) {
    if (entry.of == of_ || RecordId{entry.of.term, entry.of.boot, entry.last} >= first_held_) break;
    erase_history(batch, entry.of);
  }
  history_.drop_before(first_held_);
  return true;
}

// Also what is not visible yet: when it is, it is in the log, and is read from there.
void Lane::forget_recent(const RecordId& sent) {
  while (!recent_.empty()) {
    const wire::Block& oldest = recent_.front();
    const RecordId last = oldest.header.last_id();
    const bool visible = last < history_.next();
    if ((!visible || last >= sent) &&
        recent_bytes_ <= (visible ? kRecentBytesMax : kStagedBytesMax)) {
      break;
    }
    recent_bytes_ -= oldest.wire_bytes();
    recent_.pop_front();
  }
}

}  // namespace weir::core
