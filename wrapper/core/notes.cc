#include "wrapper/core/notes.h"

#include <algorithm>
#include <utility>

namespace weir::core {

void NoteBook::add(std::string text, edge::SteadyTime now) {
  const auto known = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.note.text == text; });
  if (known == entries_.end()) {
    make_room(now);
    return tell({{0, 1, std::move(text)}, 0, {}}, now);
  }
  ++known->note.times;
  if (now - known->told_at < kRepeatInterval) return;
  Entry entry = std::move(*known);
  entries_.erase(known);
  tell(std::move(entry), now);
}

void NoteBook::tell(Entry entry, edge::SteadyTime now) {
  entry.note.number = ++newest_;
  entry.told_times = entry.note.times;
  entry.told_at = now;
  entries_.push_back(std::move(entry));
}

void NoteBook::make_room(edge::SteadyTime now) {
  if (entries_.size() < kKept) return;
  const auto done = std::find_if(entries_.begin(), entries_.end(), [this](const Entry& entry) {
    return entry.note.number <= taken_ && entry.note.times == entry.told_times;
  });
  if (done != entries_.end()) {
    entries_.erase(done);
    return;
  }
  const auto oldest = std::find_if(entries_.begin(), entries_.end(),
                                   [](const Entry& entry) { return entry.note.text != kDropped; });
  entries_.erase(oldest);
  const auto said = std::find_if(entries_.begin(), entries_.end(),
                                 [](const Entry& entry) { return entry.note.text == kDropped; });
  if (said != entries_.end()) {
    ++said->note.times;
    return;
  }
  entries_.erase(entries_.begin());  // For the one that says it.
  tell({{0, 2, std::string(kDropped)}, 0, {}}, now);
}

void NoteBook::tick(edge::SteadyTime now) {
  for (size_t left = entries_.size(); left > 0; --left) {
    const auto due = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.note.times > entry.told_times && now - entry.told_at >= kRepeatInterval;
    });
    if (due == entries_.end()) return;
    Entry entry = std::move(*due);
    entries_.erase(due);
    tell(std::move(entry), now);
  }
}

std::vector<wire::Note> NoteBook::waiting() const {
  std::vector<wire::Note> notes;
  for (const Entry& entry : entries_) {
    if (entry.note.number > taken_) notes.push_back(entry.note);
  }
  return notes;
}

}  // namespace weir::core
