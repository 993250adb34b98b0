#include "agent/core/wrapper_life.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "schema/wire/wrapper_process.h"

namespace weir::agent {
namespace {

bool changes_matter(const wire::InstanceStatus& a, const wire::InstanceStatus& b) {
  return a.state != b.state || a.endpoint != b.endpoint || a.remote_endpoint != b.remote_endpoint ||
         a.ended_and_settled != b.ended_and_settled || a.term != b.term || a.pid != b.pid ||
         a.last_error != b.last_error || a.notes != b.notes || a.writers != b.writers ||
         a.fenced_by != b.fenced_by;
}

}  // namespace

std::string_view to_string(LifeState state) {
  switch (state) {
    case LifeState::kDown:
      return "down";
    case LifeState::kLaunching:
      return "launching";
    case LifeState::kFollowing:
      return "following";
    case LifeState::kUnknownRuns:
      return "unknown runs";
    case LifeState::kGivenUp:
      return "given up";
    case LifeState::kGone:
      return "gone";
  }
  return "?";
}

WrapperLife::WrapperLife(wire::StartOrder order, bool stored, Starts starts)
    : order_(std::move(order)), stored_(stored), starts_(starts) {}

std::vector<LifeEffect> WrapperLife::step(const LifeEvent& event, SteadyTime now) {
  effects_.clear();
  if (state_ == LifeState::kGone) return {};  // Its owner makes a new life.
  std::visit([&](const auto& one) { on(one, now); }, event);
  advance(now);
  return std::exchange(effects_, {});
}

// ---- Wanted --------------------------------------------------------------------------------

void WrapperLife::on(const OrderCame& event, SteadyTime now) {
  if (event.order.term < order_.term) return;  // From a broker that lost its memory.
  const bool same = event.order == order_;
  const bool other_readers = event.order.readers != order_.readers;
  if (wanted_ != Wanted::kRun) start_at_ = now;
  wanted_ = Wanted::kRun;
  if (same) return;
  if (event.order.uploaded != order_.uploaded) {
    content_here_ = false;
    waits_.clear();
  }
  order_ = event.order;
  stored_ = false;
  outdated_ = writing_;
  if (state_ == LifeState::kGivenUp) {
    state_ = LifeState::kDown;
    start_at_ = now;
    error_.clear();
  }
  // While a process runs the file is for its successor; kDown stores before it starts.
  if (state_ != LifeState::kDown) store_order(now);
  if (state_ == LifeState::kFollowing && connected_ && other_readers && !must_stop()) {
    emit(SendNeighbours{});
  }
}

void WrapperLife::on(const StopCame& event, SteadyTime /*now*/) {
  wanted_ = event.forget ? Wanted::kForget : Wanted::kStop;
}

void WrapperLife::on(const OrderStored& /*event*/, SteadyTime now) {
  writing_ = false;
  stored_ = !std::exchange(outdated_, false);
  // While it is down it is stored when it is next to start; a process may run for long.
  if (!stored_ && state_ != LifeState::kDown && wanted_ != Wanted::kForget) store_order(now);
}

void WrapperLife::on(const OrderRemoved& /*event*/, SteadyTime /*now*/) {
  stored_ = false;
  writing_ = outdated_ = false;
  const bool asked = state_ == LifeState::kDown || state_ == LifeState::kGivenUp;
  if (wanted_ != Wanted::kForget || !asked) return;
  state_ = LifeState::kGone;
  emit(ReportNow{});
}

void WrapperLife::on(const DiskFailed& event, SteadyTime now) {
  writing_ = outdated_ = false;
  disk_retry_at_ = now + kRetryDelay;
  error_ = event.what;
  emit(ReportNow{});
}

// ---- The shell's answers -------------------------------------------------------------------

void WrapperLife::follow(int64_t pid, uint64_t term, SteadyTime now) {
  state_ = LifeState::kFollowing;
  pid_ = pid;
  running_term_ = term;
  running_writers_.reset();
  connected_ = false;
  up_since_ = now;
  stopping_since_.reset();
  report_is_current_ = false;
  rates_.clear();
  emit(ReportNow{});
}

void WrapperLife::on(const Started& event, SteadyTime now) {
  if (state_ != LifeState::kLaunching) return;
  if (!std::exchange(starts_.as_told, false)) ++starts_.count;
  emit(NoteStarts{});
  follow(event.pid, order_.term, now);
  running_writers_ = order_.writers;
}

void WrapperLife::on(const LockHeld& /*event*/, SteadyTime now) {
  if (state_ != LifeState::kLaunching) return;
  state_ = LifeState::kUnknownRuns;
  probe_at_ = now + kRetryDelay;
  emit(ReportNow{});
}

void WrapperLife::on(const LockFree& /*event*/, SteadyTime now) {
  if (state_ != LifeState::kLaunching) return;
  state_ = LifeState::kDown;
  start_at_ = now;
}

void WrapperLife::on(const StartFailed& event, SteadyTime now) {
  if (state_ != LifeState::kLaunching) return;
  state_ = LifeState::kDown;
  up_since_ = now;
  pause_before_restart(now);
  error_ = event.what;
  emit(ReportNow{});
}

void WrapperLife::pause_before_restart(SteadyTime now) {
  if (now - up_since_ >= kUpLongEnough) next_pause_ = std::chrono::milliseconds(0);
  start_at_ = now + next_pause_;
  next_pause_ = std::clamp(next_pause_ * 2, kRestartPauseFirst, kRestartPauseMax);
}

// ---- The wrapper ---------------------------------------------------------------------------

void WrapperLife::on(const HelloCame& event, SteadyTime now) {
  // A last word of the dead; or its pid was given anew, to the one that we follow.
  if (event.pid == last_ended_pid_ && event.pid != pid_) return;
  switch (state_) {
    case LifeState::kDown:
    case LifeState::kUnknownRuns:
      starts_.count = std::max<uint64_t>(starts_.count, 1);  // Whoever started it, it was started.
      follow(event.pid, event.term, now);
      emit(Follow{event.pid});
      break;
    case LifeState::kFollowing:
      if (event.pid != pid_) {
        // Only one process can hold the lock, and that is the one that we follow.
        emit(SendStop{});
        return;
      }
      break;
    case LifeState::kGivenUp:
      emit(SendStop{});
      return;
    case LifeState::kLaunching:
    case LifeState::kGone:
      return;
  }
  connected_ = true;
  running_term_ = event.term;
  if (must_stop()) {
    stop_again_at_ = now;
  } else {
    emit(SendNeighbours{});
  }
}

void WrapperLife::on(const ReportCame& event, SteadyTime now) {
  if (state_ != LifeState::kFollowing || event.status.pid != pid_) return;
  const bool news = !report_is_current_ || changes_matter(*report_, event.status);
  report_ = event.status;
  report_is_current_ = true;
  rates_.on_report(event.status, now);
  running_term_ = event.status.term;
  running_writers_ = event.status.writers;
  error_.clear();
  if (news) emit(ReportNow{});
}

void WrapperLife::on(const Ended& event, SteadyTime now) {
  if (state_ != LifeState::kFollowing || event.pid != pid_) return;
  const bool as_told = stopping_since_.has_value();
  const bool fenced = event.exit_code == wire::kExitFenced && running_term_ == order_.term;
  const bool bad_order = event.exit_code == wire::kExitBadOrder && running_term_ == order_.term;
  const bool damaged = event.exit_code == wire::kExitDamaged && running_term_ == order_.term;
  last_ended_pid_ = std::exchange(pid_, 0);
  connected_ = false;
  stopping_since_.reset();
  report_is_current_ = false;
  rates_.clear();
  state_ = LifeState::kDown;
  error_ = "the wrapper ended: " + event.how;
  if (!event.last_line.empty()) error_ += ": " + event.last_line;
  if (as_told) {
    starts_.as_told = true;
    emit(NoteStarts{});
    start_at_ = now;
  } else if (damaged) {
    state_ = LifeState::kGivenUp;
    error_ = event.last_line.empty() ? "its log is damaged" : event.last_line;
  } else if (fenced || bad_order) {
    state_ = LifeState::kGivenUp;
    error_ = fenced ? "fenced: a higher term of this node exists" : "the order is bad";
    if (!event.last_line.empty()) error_ += ": " + event.last_line;
  } else {
    pause_before_restart(now);
  }
  emit(ReportNow{});
}

void WrapperLife::on(const TimePassed& /*event*/, SteadyTime /*now*/) {}

void WrapperLife::on(const ContentCame& event, SteadyTime /*now*/) {
  if (!awaits_content()) return;
  content_here_ = event.here;
  waits_ = event.here ? std::string() : event.waits;
}

// ---- Wanted against actual -----------------------------------------------------------------

bool WrapperLife::must_stop() const {
  if (wanted_ != Wanted::kRun || stopping_since_.has_value()) return true;
  // A wrapper's lanes are those that it was started with.
  const bool other_lanes = running_writers_ && *running_writers_ != order_.writers;
  return running_term_ < order_.term || (other_lanes && stored_);
}

// Only once that is on disk: a wrapper that is started after a crash must not begin anew.
bool WrapperLife::must_end() const {
  const bool has_ended = report_is_current_ && report_->state == wire::InstanceState::kEnded;
  return order_.end && order_.writers.empty() && stored_ && connected_ && !has_ended;
}

void WrapperLife::advance(SteadyTime now) {
  switch (state_) {
    case LifeState::kDown:
      advance_down(now);
      break;
    case LifeState::kUnknownRuns:
      if (now >= probe_at_) {
        state_ = LifeState::kLaunching;
        emit(ProbeLock{});
      }
      break;
    case LifeState::kFollowing:
      advance_following(now);
      break;
    case LifeState::kGivenUp:
      if (wanted_ == Wanted::kForget) forget_order(now);
      break;
    case LifeState::kLaunching:
    case LifeState::kGone:
      break;
  }
}

bool WrapperLife::awaits_content() const {
  return state_ == LifeState::kDown && wanted_ == Wanted::kRun && stored_ && order_.uploaded &&
         !content_here_;
}

void WrapperLife::advance_down(SteadyTime now) {
  if (wanted_ == Wanted::kForget) return forget_order(now);
  if (wanted_ == Wanted::kStop) return;
  if (writing_) return;  // What it would be started with may be about to go.
  if (!stored_) return store_order(now);
  if (now < start_at_ || awaits_content()) return;
  state_ = LifeState::kLaunching;
  emit(Launch{});
}

void WrapperLife::forget_order(SteadyTime now) {
  if (!may_write(now)) return;
  writing_ = true;
  emit(RemoveOrder{});
}

void WrapperLife::store_order(SteadyTime now) {
  if (!may_write(now)) return;
  writing_ = true;
  emit(StoreOrder{});
}

void WrapperLife::advance_following(SteadyTime now) {
  if (!must_stop()) {
    if (!stored_) store_order(now);
    if (must_end() && now >= end_again_at_) {
      end_again_at_ = now + kRetryDelay;
      emit(SendEnd{});
    }
    return;
  }
  if (!stopping_since_) {
    stopping_since_ = now;
    stop_again_at_ = now;
  }
  if (now < stop_again_at_) return;
  stop_again_at_ = now + kRetryDelay;
  if (now - *stopping_since_ >= kStopGrace) {
    emit(SignalProcess{SIGKILL});
  } else if (connected_) {
    emit(SendStop{});
  } else {
    emit(SignalProcess{SIGTERM});
  }
}

std::optional<SteadyTime> WrapperLife::deadline() const {
  // While something is being written the answer is what is waited for.
  const auto disk = writing_ ? std::nullopt : std::optional(disk_retry_at_);
  switch (state_) {
    case LifeState::kDown:
      if (wanted_ == Wanted::kForget) return disk;
      if (wanted_ == Wanted::kStop) return std::nullopt;
      if (awaits_content()) return std::nullopt;
      return stored_ && !writing_ ? std::optional(start_at_) : disk;
    case LifeState::kUnknownRuns:
      return probe_at_;
    case LifeState::kFollowing:
      if (must_stop()) return stopping_since_ ? stop_again_at_ : SteadyTime{};
      if (!stored_) return disk;
      if (must_end()) return end_again_at_;
      return std::nullopt;
    case LifeState::kGivenUp:
      if (wanted_ == Wanted::kForget) return disk;
      return std::nullopt;
    case LifeState::kLaunching:
    case LifeState::kGone:
      return std::nullopt;
  }
  return std::nullopt;
}

// ---- Reporting -----------------------------------------------------------------------------

void WrapperLife::notes_taken(uint64_t boot, uint64_t number) {
  if (!report_ || report_->boot != boot) return;
  std::erase_if(report_->notes, [&](const wire::Note& note) { return note.number <= number; });
}

wire::InstanceStatus WrapperLife::status() const {
  wire::InstanceStatus status;
  if (report_) status = *report_;
  status.pipeline = order_.pipeline;
  status.node = order_.node.name;
  status.instance = order_.instance;
  status.drained_term = order_.drained_term;
  status.log_term = order_.log_term;
  status.restarts = starts_.count > 0 ? starts_.count - 1 : 0;
  rates_.put(status);
  if (report_is_current_) return status;
  // The figures are of the process before; what depends on a live one is not.
  status.term = state_ == LifeState::kFollowing ? running_term_ : order_.term;
  status.pid = pid_;
  status.action_pid = 0;
  status.ended_and_settled = false;
  status.settled_position = {};
  status.settled_record = {};
  status.notes.clear();
  status.last_error = awaits_content() ? waits_ : error_;
  status.state =
      state_ == LifeState::kGivenUp ? wire::InstanceState::kFailed : wire::InstanceState::kStarting;
  return status;
}

}  // namespace weir::agent
