#include "schema/edge/history.h"

#include <algorithm>

#include "schema/base/check.h"

namespace weir::edge {

void History::open(const Incarnation& of) {
  uint64_t first = 1;
  if (!entries_.empty()) {
    WEIR_CHECK(entries_.back().of.compare(of) < 0, "an incarnation must be later than the last");
    first = entries_.back().last + 1;
    if (entries_.back().empty()) entries_.pop_back();
  }
  entries_.push_back(HistoryEntry{of, first, first - 1});
}

void History::advance(uint64_t last) {
  WEIR_CHECK(!entries_.empty() && last + 1 >= entries_.back().first, "history goes forward");
  entries_.back().last = last;
}

void History::drop_before(const RecordId& id) {
  while (entries_.size() > 1) {
    const HistoryEntry& oldest = entries_.front();
    if (RecordId{oldest.of.term, oldest.of.boot, oldest.last} >= id) break;
    entries_.erase(entries_.begin());
  }
}

const HistoryEntry* History::find(const Incarnation& of) const {
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->of == of) return &*entry;
  }
  return nullptr;
}

RecordId History::next() const {
  if (entries_.empty()) return {};
  const HistoryEntry& entry = entries_.back();
  return {entry.of.term, entry.of.boot, entry.last + 1};
}

RecordId History::last() const {
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (!entry->empty()) return {entry->of.term, entry->of.boot, entry->last};
  }
  return {};
}

RecordId History::clip(const Position& acknowledged) const {
  if (acknowledged == kEverything) return kAllRecords;
  const HistoryEntry* entry = find(acknowledged.of);
  if (entry == nullptr) return {};
  return {entry->of.term, entry->of.boot, std::min(acknowledged.seq, entry->last)};
}

RecordId History::first() const {
  for (const HistoryEntry& entry : entries_) {
    if (!entry.empty()) return entry.first_id();
  }
  return next();
}

RecordId History::after(const RecordId& id) const {
  for (const HistoryEntry& entry : entries_) {
    if (entry.empty()) continue;
    if (entry.first_id() > id) return entry.first_id();
    const RecordId last{entry.of.term, entry.of.boot, entry.last};
    if (id < last) return {entry.of.term, entry.of.boot, std::max(id.seq + 1, entry.first)};
  }
  return next();
}

Resume History::resume(const Position& reader, const RecordId& settled,
                       const RecordId& first_held) const {
  Resume result;
  if (reader.none()) {
    result.from = after(settled);
  } else if (const HistoryEntry* entry = find(reader.of); entry == nullptr) {
    result = {after(settled), ResumeCause::kUnknown};
  } else if (reader.seq > entry->last) {
    result = {after({entry->of.term, entry->of.boot, entry->last}), ResumeCause::kLostTail};
  } else {
    result.from = after(reader.id());
  }
  result.from = std::max(result.from, first_held);
  return result;
}

}  // namespace weir::edge
