// Which inputs are settled once which outputs are (R3). Pure. Thread: the node's.
#pragma once

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "schema/base/ids.h"

namespace weir::core {

// A commit: these inputs, up to these positions, are settled once all outputs up to `out` are.
struct Settlement {
  RecordId out;
  std::vector<std::pair<size_t, Position>> inputs;  // Each input once.

  // Of this input up to here, instead of what it said of it before.
  void set(size_t input, const Position& at) {
    for (auto& [known, upto] : inputs) {
      if (known != input) continue;
      upto = at;
      return;
    }
    inputs.emplace_back(input, at);
  }
  bool concerns(size_t input) const {
    return std::any_of(inputs.begin(), inputs.end(),
                       [&](const auto& each) { return each.first == input; });
  }
};

// Those that wait for their outputs, in order.
class Settlements {
 public:
  static constexpr size_t kMax = 4096;

  // Something of this input waits.
  bool concern(size_t input) const {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [&](const Settlement& each) { return each.concerns(input); });
  }

  // One without inputs says nothing.
  void add(Settlement settlement) {
    if (settlement.inputs.empty()) return;
    if (waiting_.size() >= kMax) thin_out();
    waiting_.push_back(std::move(settlement));
  }

  // `is_settled`: of a record, whether it and all before it are; `settle`: what is then settled of
  // an input.
  template <typename IsSettled, typename Settle>
  void advance(const IsSettled& is_settled, const Settle& settle) {
    while (!waiting_.empty() && is_settled(waiting_.front().out)) {
      for (const auto& [input, at] : waiting_.front().inputs) settle(input, at);
      waiting_.pop_front();
    }
  }

 private:
  // Bounded: every second one gives its inputs to the later one, which settles them later.
  void thin_out() {
    std::deque<Settlement> fewer;
    for (size_t i = 0; i + 1 < waiting_.size(); i += 2) {
      Settlement& later = waiting_[i + 1];
      for (const auto& [input, at] : waiting_[i].inputs) {
        if (!later.concerns(input)) later.inputs.emplace_back(input, at);
      }
      fewer.push_back(std::move(later));
    }
    if (waiting_.size() % 2 == 1) fewer.push_back(std::move(waiting_.back()));
    waiting_ = std::move(fewer);
  }

  std::deque<Settlement> waiting_;
};

}  // namespace weir::core
