// What a wrapper has to tell a person, until the broker has it. Each note has a number; what the
// broker has taken (wire::NotesTaken) is told no more, so a report carries only what is new. A text
// that is said again is counted, and told again once a minute at most. Pure; thread: one.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "schema/edge/writer.h"
#include "schema/wire/order.h"

namespace weir::core {

class NoteBook {
 public:
  // So many are kept, told or not: what is added then replaces the oldest. If that one had not been
  // taken, kDropped says so.
  static constexpr size_t kKept = 32;
  static constexpr std::chrono::seconds kRepeatInterval{60};
  static constexpr std::string_view kDropped =
      "more was to be said than the broker took: it is in the log of the wrapper";

  void add(std::string text, edge::SteadyTime now);
  // Call now and then: what was counted meanwhile is told again when its time has come.
  void tick(edge::SteadyTime now);
  // The broker has all up to this number.
  void taken(uint64_t number) { taken_ = std::max(taken_, number); }

  // To be told, in the order of their numbers.
  std::vector<wire::Note> waiting() const;
  // The number of the last one that is to be told or was.
  uint64_t newest() const { return newest_; }
  uint64_t taken() const { return taken_; }

 private:
  struct Entry {
    wire::Note note;
    uint64_t told_times = 0;
    edge::SteadyTime told_at{};
  };

  void tell(Entry entry, edge::SteadyTime now);
  void make_room(edge::SteadyTime now);

  std::deque<Entry> entries_;  // In the order of their numbers.
  uint64_t newest_ = 0;
  uint64_t taken_ = 0;
};

}  // namespace weir::core
