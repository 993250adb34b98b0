#include "wrapper/core/poison.h"

#include <algorithm>

#include "wrapper/core/node.h"
#include "wrapper/core/runner.h"

namespace weir::core {

void PoisonRounds::on_success() {
  outage_waits_ = rounds_ = 0;
  round_at_.reset();
  succeeded_ = true;
}

void PoisonRounds::note_aside(const std::string& lane, const Failure& why) {
  node_.effects().note(
      why.reason + " on a record of " + lane +
      " that stands alone; last line of its stderr: " + last_line(why.end.stderr_tail));
}

bool PoisonRounds::is_outage(size_t aside) {
  if (aside < node_.spec().max_dead) return false;
  node_.effects().note(std::to_string(aside) +
                       " records in a row fail: degraded; all of them are kept and tried again");
  return true;
}

std::chrono::milliseconds PoisonRounds::outage_wait() {
  const uint32_t waits = std::max(node_.spec().retries, ++outage_waits_);
  return backoff(node_.spec(), std::max(waits, 1u));
}

bool PoisonRounds::round_due(SteadyTime now) {
  if (!round_at_) {
    round_at_ = now + backoff(node_.spec(), ++rounds_);
    node_.effects().wake_at(*round_at_);
  }
  if (now < *round_at_) return false;
  round_at_.reset();
  return true;
}

bool PoisonRounds::rounds_are_over() const { return rounds_ > node_.spec().retries && !round_at_; }

bool PoisonRounds::fail_if_none_succeeded(const Failure& last) {
  if (succeeded_) return false;
  node_.fail("every record failed: " + last.reason +
             "; last line of its stderr: " + last_line(last.end.stderr_tail));
  return true;
}

std::chrono::milliseconds PoisonRounds::wait_for_later() {
  return backoff(node_.spec(), ++outage_waits_);
}

}  // namespace weir::core
