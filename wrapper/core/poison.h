// R9: records that fail alone, and when it is decided whether they are poison or there was an
// outage. What is the same whether they were fed as units or asked one by one.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "wrapper/core/dead_letters.h"
#include "wrapper/core/effects.h"

namespace weir::core {

class PoisonRounds {
 public:
  // `succeeded`: the program has done some of its work before.
  PoisonRounds(Node& node, bool succeeded) : node_(node), succeeded_(succeeded) {}

  // It has done some: what failed alone before may have been an outage.
  void on_success();
  // Another run begins.
  void on_start() { round_at_.reset(); }

  // One failed alone and is put aside.
  void note_aside(const std::string& lane, const Failure& why);
  // So many are aside without a success between. True if that is an outage rather than poison: all
  // are tried again, after outage_wait().
  bool is_outage(size_t aside);
  std::chrono::milliseconds outage_wait();

  // Nothing comes behind those aside that could tell an outage from poison: they are tried again in
  // rounds, paced like attempts. True when it is time for the next one.
  bool round_due(SteadyTime now);
  // The same when the input has ended: no round is left, so they are poison.
  bool rounds_are_over() const;
  // Not one record ever succeeded: that is not about records. True if the node has failed so.
  bool fail_if_none_succeeded(const Failure& last);

  // It was not the program's doing, or it asked for later: the wait before it is tried again.
  std::chrono::milliseconds wait_for_later();

 private:
  Node& node_;
  uint32_t outage_waits_ = 0;
  uint32_t rounds_ = 0;
  std::optional<SteadyTime> round_at_;
  bool succeeded_;
};

}  // namespace weir::core
