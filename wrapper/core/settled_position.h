// Up to which position all readers have settled a source's records: another host would go on from
// there (R5, `portable`). Rather too low than too high: what was committed before a restart counts
// as one commit. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "schema/base/ids.h"
#include "schema/base/source_position.h"

namespace weir::core {

class SettledPosition {
 public:
  // Of commits that wait to be settled; beyond either they are thinned out.
  static constexpr size_t kCommitsMax = 4096;
  static constexpr size_t kTokenBytesMax = 1u << 20;

  // A commit is in the log; `last` is the last record of its lane then. Later commits have no lower
  // one; what one says counts from its `last` on, whatever was said of that record before.
  void committed(const RecordId& last, const SourcePosition& position) {
    if (position == committed_) return;
    committed_ = position;
    if (commits_.size() >= kCommitsMax || token_bytes_ > kTokenBytesMax) thin_out();
    token_bytes_ += position.token.size();
    commits_.push_back({last, position});
  }

  // `is_settled`: of a record, whether it and all before it are.
  template <typename IsSettled>
  void advance(const IsSettled& is_settled) {
    while (!commits_.empty() && is_settled(commits_.front().last)) {
      settled_ = std::move(commits_.front());
      token_bytes_ -= settled_.position.token.size();
      commits_.pop_front();
    }
  }

  const SourcePosition& value() const { return settled_.position; }
  // The last record before it.
  const RecordId& record() const { return settled_.last; }
  // In memory for commits that wait.
  size_t token_bytes() const { return token_bytes_; }

 private:
  struct Commit {
    RecordId last;
    SourcePosition position;
  };

  // Every second one settles with the one after it.
  void thin_out() {
    std::deque<Commit> fewer;
    token_bytes_ = 0;
    for (size_t i = commits_.size() % 2 == 0 ? 1 : 0; i < commits_.size(); i += 2) {
      token_bytes_ += commits_[i].position.token.size();
      fewer.push_back(std::move(commits_[i]));
    }
    commits_ = std::move(fewer);
  }

  std::deque<Commit> commits_;
  size_t token_bytes_ = 0;
  SourcePosition committed_;
  Commit settled_;
};

}  // namespace weir::core
