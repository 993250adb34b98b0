#include "wrapper/core/unit_run.h"

#include <algorithm>
#include <utility>

#include "wrapper/core/log_entries.h"
#include "wrapper/core/runner.h"

namespace weir::core {

using std::chrono::milliseconds;

UnitRun::UnitRun(Node& node, const LogState& state)
    : node_(node),
      phase_(state.commit.ended ? Phase::kEnded : Phase::kWaiting),
      failed_(state.attempts ? state.attempts->failed : 0),
      stall_(node.spec().stall_timeout) {}

const char* UnitRun::state() const {
  switch (phase_) {
    case Phase::kWaiting:
      return "waits";
    case Phase::kRunning:
      return "runs";
    case Phase::kEnding:
      return "ends its lane";
    case Phase::kEnded:
      return "has ended";
  }
  return "";
}

// ---- beginning

void UnitRun::start(const Start& start) {
  phase_ = Phase::kRunning;
  broken_.reset();
  stdin_closed_ = stdin_broken_ = false;
  forget_fed();
  stall_.started(now_);
  RunOrder order;
  order.env = unit_environment(node_.order(), start.unit, start.attempt);
  if (start.position) order.env.emplace_back("WEIR_POSITION", *start.position);
  order.wants_stdin = start.wants_stdin;
  node_.effects().start_run(order);
}

void UnitRun::wait(milliseconds time) {
  phase_ = Phase::kWaiting;
  broken_.reset();
  start_at_ = now_ + time;
  node_.effects().wake_at(start_at_);
}

void UnitRun::be_idle() {
  phase_ = Phase::kWaiting;
  start_at_ = {};
}

// ---- its stdin

void UnitRun::feed(size_t input, const Position& last, std::span<const SharedBytes> parts) {
  size_t size = 0;
  for (const SharedBytes& bytes : parts) size += bytes.size;
  unwritten_bytes_ += size;
  feeding_.push_back({input, last, size});
  for (const SharedBytes& bytes : parts) node_.effects().feed(bytes);
}

void UnitRun::on_fed(size_t bytes) {
  stall_.progress(now_);
  unwritten_bytes_ -= std::min(unwritten_bytes_, bytes);
  while (!feeding_.empty() && bytes >= feeding_.front().bytes) {
    bytes -= feeding_.front().bytes;
    const Feeding& fed = feeding_.front();
    if (!fed.last.none()) node_.inputs_for_runner()[fed.input].reader.set_taken(fed.last);
    feeding_.pop_front();
  }
  if (!feeding_.empty()) feeding_.front().bytes -= bytes;
}

void UnitRun::close_stdin() {
  stdin_closed_ = true;
  node_.effects().close_stdin();
}

void UnitRun::forget_fed() {
  feeding_.clear();
  unwritten_bytes_ = 0;
}

// ---- R12

void UnitRun::stop_if_stalled(bool owes) {
  if (!stalled(owes)) return;
  node_.effects().note(stall_.reason());
  node_.effects().terminate_run();
}

// ---- its end

void UnitRun::break_off(std::string why) {
  broken_ = std::move(why);
  node_.effects().terminate_run();
}

UnitRun::Outcome UnitRun::outcome(const RunEnd& end, const std::string& unfinished) const {
  if (broken_) return {false, *broken_};
  if (!accepted(node_.spec(), end)) return {false, describe(end)};
  return {unfinished.empty(), describe(end) + unfinished};
}

bool UnitRun::counts(const RunEnd& end) const { return broken() || counts_as_attempt(end); }

bool UnitRun::may_try_again(const RunEnd& end, const std::string& why, const UnitId& unit,
                            bool progressed) {
  if (is_hopeless(end)) {
    node_.fail(why);
    return false;
  }
  if (!counts(end)) return true;
  put_failed(unit, progressed ? 1 : failed_ + 1);
  if (failed_ > node_.spec().retries) {
    node_.fail(why + ", " + std::to_string(failed_) +
               " times; last line of its stderr: " + last_line(end.stderr_tail));
    return false;
  }
  note_attempt(node_, why, failed_);
  return true;
}

milliseconds UnitRun::wait_after(const RunEnd& end) const {
  if (end.kind == RunEnd::Kind::kLost) return node_.spec().backoff_first;
  return backoff(node_.spec(), failed_);
}

void UnitRun::put_failed(const UnitId& unit, uint32_t failed) {
  failed_ = failed;
  put_attempts(node_.batch(), {unit, failed});
}

void UnitRun::forget_failed() {
  failed_ = 0;
  erase_attempts(node_.batch());
}

void UnitRun::finish() {
  phase_ = Phase::kEnding;
  node_.end_lane([this] { phase_ = Phase::kEnded; });
}

void note_attempt(Node& node, const std::string& why, uint32_t failed) {
  node.effects().note(why + "; attempt " + std::to_string(failed) + " of " +
                      std::to_string(node.spec().retries + 1));
}

}  // namespace weir::core
