// Up to which position all readers have settled a source's records: another host would go on from
// there (R5, `portable`). Rather too low than too high: what was committed before a restart counts
// as one commit. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "schema/base/ids.h"

namespace weir::core {

class SettledPosition {
 public:
  static constexpr size_t kCommitsMax = 4096;

  // A commit is in the log; `last` is the last record of its lane then.
  void committed(const RecordId& last, uint64_t position) {
    if (position <= committed_) return;
    committed_ = position;
    if (commits_.size() >= kCommitsMax) thin_out();
    commits_.push_back({last, position});
  }

  // `is_settled`: of a record, whether it and all before it are.
  template <typename IsSettled>
  void advance(const IsSettled& is_settled) {
    while (!commits_.empty() && is_settled(commits_.front().last)) {
      value_ = commits_.front().position;
      commits_.pop_front();
    }
  }

  uint64_t value() const { return value_; }

 private:
  struct Commit {
    RecordId last;
    uint64_t position;
  };

  // Bounded: every second one settles with the one after it.
  void thin_out() {
    std::deque<Commit> fewer;
    for (size_t i = 1; i < commits_.size(); i += 2) fewer.push_back(commits_[i]);
    commits_ = std::move(fewer);
  }

  std::deque<Commit> commits_;
  uint64_t committed_ = 0;
  uint64_t value_ = 0;
};

}  // namespace weir::core
