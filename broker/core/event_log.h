// The last kEventsKept events. Pure. Loop thread.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "broker/core/records.h"
#include "schema/wire/control.h"

namespace weir::broker {

class EventLog {
 public:
  // In any order; call sort() after the last one.
  void recover(wire::Event event) { events_.push_back(std::move(event)); }
  void sort();

  // Gives it its number; a long text is cut.
  void add(wire::Event event, std::vector<StoreWrite>& writes);
  // Those after this number, oldest first, at most kEventsPerAnswer.
  std::vector<wire::Event> after(uint64_t number) const;

 private:
  std::deque<wire::Event> events_;  // Oldest first.
  uint64_t last_number_ = 0;
};

}  // namespace weir::broker
