// The history of a lane (R2): which incarnation wrote which sequence numbers. The writer keeps it
// in its log and shows it in HELLO; with it, both sides know what comes after a record.
#pragma once

#include <optional>
#include <vector>

#include "schema/base/ids.h"

namespace weir::edge {

struct HistoryEntry {
  Incarnation of;
  uint64_t first = 1;  // Sequence number of the first record, should there be one.
  uint64_t last = 0;   // first - 1 while there is none.

  bool empty() const { return last < first; }
  RecordId first_id() const { return {of.term, of.boot, first}; }
  bool operator==(const HistoryEntry&) const = default;
};

// Why sending goes on where it does.
enum class ResumeCause : uint8_t {
  kAfter = 0,     // After the reader's position.
  kLostTail = 1,  // The writer no longer has what the reader saw last: with the next entry.
  kUnknown = 2,   // The writer does not know the reader's incarnation: with the first unsettled.
};

struct Resume {
  RecordId from;  // The id of the next record to send; it may not exist yet.
  ResumeCause cause = ResumeCause::kAfter;
};

class History {
 public:
  History() = default;
  // Entries in rising order of (term, boot).
  explicit History(std::vector<HistoryEntry> entries) : entries_(std::move(entries)) {}

  const std::vector<HistoryEntry>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }
  const HistoryEntry& newest() const { return entries_.back(); }

  // Closes the newest entry and opens one for `of`, which is later than all before; numbers go on.
  void open(const Incarnation& of);
  // The newest entry now reaches `last`.
  void advance(uint64_t last);
  // Forgets entries that hold nothing at or after `id`, the newest excepted.
  void drop_before(const RecordId& id);

  // The entry that bears this name, nonce included.
  const HistoryEntry* find(const Incarnation& of) const;
  // The id that follows the last record that is not later than `id`: the first that is later, or
  // the one that will be written next.
  RecordId after(const RecordId& id) const;
  // What a reader's acknowledgement means for these records: its id, clipped to its entry; nothing
  // where the entry is not there, because that was another log's record.
  RecordId clip(const Position& acknowledged) const;
  // The id of the next record of the newest entry.
  RecordId next() const;
  // The id of the last record of all; none where there is none.
  RecordId last() const;
  // The id of the first record of all, or next() where there is none.
  RecordId first() const;

  // R2: where to go on for a reader at `reader` (none: it has seen nothing) that has settled all up
  // to `settled`, when nothing before `first_held` is left.
  Resume resume(const Position& reader, const RecordId& settled, const RecordId& first_held) const;

 private:
  std::vector<HistoryEntry> entries_;
};

}  // namespace weir::edge
