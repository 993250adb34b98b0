// Records that failed alone in a program which answers record by record, until it is known whether
// they are poison or there was an outage (R9).
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "wrapper/core/dead_letters.h"
#include "wrapper/core/node.h"

namespace weir::core {

// Aside: not asked until an answer shows that the program works. Due: asked once more. Confirmed:
// failed again although the program had worked since: a dead letter with the next answer.
class Suspects {
 public:
  bool empty() const { return all_.empty(); }
  size_t size() const { return all_.size(); }
  void clear() { all_.clear(); }

  // A record failed. False if it is no suspect yet.
  bool failed_again(size_t input, const RecordId& first, const Failure& why);
  void add(size_t input, const RecordId& first, Portion record, Failure why);
  // The record was answered.
  void forget_answered(size_t input, const RecordId& first);
  // Of an input whose writer does not have them any more.
  void forget_lost(size_t input, const edge::ReadingEnd& reader);

  // True if the record is not to be asked now.
  bool passed_over(size_t input, const RecordId& first) const;
  bool any_aside() const;
  // All are asked once more; `works`: because an answer came.
  void ask_again(bool works);
  void confirm_all();
  // There are some, all of them are here again and put aside, and nothing is behind them.
  bool only_these_left(const std::vector<Input>& inputs) const;
  // Confirmed ones become dead letters in the commit under way, and `answered` goes beyond them.
  void write_confirmed(Node& node, std::vector<Position>& answered);
  const Failure& last_failure() const { return all_.back().why; }

 private:
  enum class State { kAside, kDue, kConfirmed };
  struct Suspect {
    size_t input;
    RecordId first;
    Portion record;
    Failure why;
    State state = State::kAside;
  };
  template <class All>  // const or not
  static auto* find(All& all, size_t input, const RecordId& first);

  std::deque<Suspect> all_;
  bool works_ = false;  // An answer came after the last new one.
};

}  // namespace weir::core
