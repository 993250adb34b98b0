// Since when the oldest record of a lane that is not settled has been visible. Pure.
#pragma once

#include <deque>
#include <optional>

#include "schema/base/ids.h"
#include "schema/edge/writer.h"

namespace weir::core {

class UnsettledAge {
 public:
  // More times than this are not kept: two neighbours become one, with the earlier time.
  static constexpr size_t kTimesMax = 256;

  // Records up to `last` are visible now, if they were not before.
  void published(const RecordId& last, edge::SteadyTime now) {
    if (!times_.empty() && times_.back().last >= last) return;
    if (times_.size() >= kTimesMax) {
      std::deque<Time> fewer;
      for (size_t i = 0; i + 1 < times_.size(); i += 2) {
        fewer.push_back({times_[i + 1].last, times_[i].at});
      }
      if (times_.size() % 2 == 1) fewer.push_back(times_.back());
      times_ = std::move(fewer);
    }
    times_.push_back({last, now});
  }
  // `is_settled` says whether all up to a record are.
  template <typename IsSettled>
  void settle(IsSettled is_settled) {
    while (!times_.empty() && is_settled(times_.front().last)) times_.pop_front();
  }
  // Nothing if all is settled.
  std::optional<edge::SteadyTime> since() const {
    if (times_.empty()) return std::nullopt;
    return times_.front().at;
  }

 private:
  struct Time {
    RecordId last;
    edge::SteadyTime at;
  };
  std::deque<Time> times_;
};

}  // namespace weir::core
