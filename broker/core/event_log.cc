#include "broker/core/event_log.h"

#include <algorithm>
#include <utility>

namespace weir::broker {

void EventLog::sort() {
  std::sort(events_.begin(), events_.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  if (!events_.empty()) last_number_ = events_.back().number;
}

void EventLog::add(wire::Event event, std::vector<StoreWrite>& writes) {
  event.number = ++last_number_;
  if (event.text.size() > wire::kErrorTextBytesMax) event.text.resize(wire::kErrorTextBytesMax);
  writes.push_back({{RecordKind::kEvent, event.number}, encode_record(event)});
  events_.push_back(std::move(event));
  while (events_.size() > kEventsKept) {
    writes.push_back({{RecordKind::kEvent, events_.front().number}, std::nullopt});
    events_.pop_front();
  }
}

std::vector<wire::Event> EventLog::after(uint64_t number) const {
  const auto first =
      std::upper_bound(events_.begin(), events_.end(), number,
                       [](uint64_t n, const auto& event) { return n < event.number; });
  const auto count =
      std::min<std::ptrdiff_t>(events_.end() - first, std::ptrdiff_t{wire::kEventsPerAnswer});
  return {first, first + count};
}

}  // namespace weir::broker
