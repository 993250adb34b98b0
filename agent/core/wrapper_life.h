// The life of one wrapper: what is wanted, what is known of the process, and what to do about it.
//
//   state         meaning                                               left by
//   kDown         no process. Wanted: waits for its order to be         Start is asked for, or the
//                 stored, for the content of its action and for the     order file is removed
//                 pause between restarts
//   kLaunching    the shell was asked to start or to look at the lock   its answer
//   kFollowing    a process runs and its end will be noticed            its end
//   kUnknownRuns  somebody holds the wrapper's lock: it survived the    its hello, or a free lock
//                 agent's restart; its hello is awaited                 (looked at each second)
//   kGivenUp      not to be restarted with this order                   another order, or a stop
//   kGone         not wanted, no process, no order file: delete me      -
//
// Wanted and actual are two things; after each event advance() compares them. An answer or an end
// that belongs to no present process is ignored. The end of a process says how it goes on:
//   exit 0, 75, anything else, a signal: start it again, paced
//   exit 70 (fenced by a higher term), 64 (bad order), 65 (damaged log): give up, and say so
// Pace: the first restart is at once, then after 0.1 s, doubling to 5 s; a wrapper that stayed up
// for 10 s begins again at once.
//
// Pure. Loop thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/core/rates.h"
#include "schema/wire/control.h"

namespace weir::agent {

inline constexpr std::chrono::milliseconds kRestartPauseFirst{100};
inline constexpr std::chrono::milliseconds kRestartPauseMax{5000};
inline constexpr std::chrono::milliseconds kUpLongEnough{10'000};
inline constexpr std::chrono::milliseconds kRetryDelay{1000};   // Lock, stop order, order file.
inline constexpr std::chrono::milliseconds kStopGrace{10'000};  // From the stop order to KILL.

enum class LifeState { kDown, kLaunching, kFollowing, kUnknownRuns, kGivenUp, kGone };
std::string_view to_string(LifeState state);

enum class Wanted {
  kRun,
  kStop,    // Stop, but keep the order: the agent itself goes.
  kForget,  // Stop and remove the order.
};

// ---- Events --------------------------------------------------------------------------------

struct OrderCame {
  wire::StartOrder order;  // Complete, for this instance.
};
struct StopCame {
  bool forget = true;
};
// Answers to StoreOrder and RemoveOrder.
struct OrderStored {};
struct OrderRemoved {};
struct DiskFailed {
  std::string what;
};
// Answers to Launch and ProbeLock.
struct Started {
  int64_t pid = 0;
};
struct LockHeld {};
struct LockFree {};  // Only to ProbeLock.
struct StartFailed {
  std::string what;
};
// The wrapper's first message on a connection.
struct HelloCame {
  int64_t pid = 0;
  uint64_t term = 0;
};
struct ReportCame {
  wire::InstanceStatus status;
};
struct Ended {
  int64_t pid = 0;
  std::optional<int> exit_code;  // None: by a signal, or not our child.
  std::string how;               // "exit status 3", "signal 9 (Killed)", "ended"
  std::string last_line;         // The last line of the wrapper's own log.
};
struct TimePassed {};
// How it is with the content that the order's action stands for; while awaits_content().
struct ContentCame {
  bool here = false;
  std::string waits;  // While it is not: why, for people.
};

using LifeEvent =
    std::variant<OrderCame, StopCame, OrderStored, OrderRemoved, DiskFailed, Started, LockHeld,
                 LockFree, StartFailed, HelloCame, ReportCame, Ended, TimePassed, ContentCame>;

// ---- Effects: done in order, and answered at once where an answer is named; but for files ---

// Both are answered later, and there is no other of the two before that.
struct StoreOrder {};   // The order as it is now. Answer: OrderStored or DiskFailed.
struct RemoveOrder {};  // Answer: OrderRemoved or DiskFailed.
struct Launch {};       // If the lock is free. Answer: Started, LockHeld or StartFailed.
struct ProbeLock {};    // Answer: LockFree, LockHeld or StartFailed.
struct Follow {         // Notice the end of a process that is not our child; Ended if it is over.
  int64_t pid = 0;
};
struct SignalProcess {
  int signal = 0;
};
struct SendStop {};
struct SendEnd {};  // It ends its lane, and stays (R8).
struct SendNeighbours {};
struct NoteStarts {};  // starts() to disk.
struct ReportNow {};   // Something changed that the broker should know at once.

using LifeEffect = std::variant<StoreOrder, RemoveOrder, Launch, ProbeLock, Follow, SignalProcess,
                                SendStop, SendEnd, SendNeighbours, NoteStarts, ReportNow>;

// How often a process of this instance was started since its order came.
struct Starts {
  uint64_t count = 0;
  bool as_told = false;  // The last one ended because it was told to: the next start is no restart.
};

class WrapperLife {
 public:
  // `stored`: the order was read from disk, so a process may be there from before. `starts`: as
  // this life's predecessor noted them.
  WrapperLife(wire::StartOrder order, bool stored, Starts starts = {});

  std::vector<LifeEffect> step(const LifeEvent& event, SteadyTime now);
  // When the next TimePassed is due, at the latest; none: nothing waits.
  std::optional<SteadyTime> deadline() const;

  LifeState state() const { return state_; }
  Wanted wanted() const { return wanted_; }
  const wire::StartOrder& order() const { return order_; }
  bool has_process() const {
    return state_ == LifeState::kFollowing || state_ == LifeState::kUnknownRuns;
  }
  int64_t pid() const { return pid_; }
  bool is_connected() const { return connected_; }
  // Kept by the owner over its own restart.
  const Starts& starts() const { return starts_; }
  // It would be started if the content of its action were here.
  bool awaits_content() const;
  bool content_is_here() const { return content_here_; }
  // What the agent reports of it.
  wire::InstanceStatus status() const;
  // The broker has its notes up to this number, of the process with this boot.
  void notes_taken(uint64_t boot, uint64_t number);

 private:
  void on(const OrderCame& event, SteadyTime now);
  void on(const StopCame& event, SteadyTime now);
  void on(const OrderStored& event, SteadyTime now);
  void on(const OrderRemoved& event, SteadyTime now);
  void on(const DiskFailed& event, SteadyTime now);
  void on(const Started& event, SteadyTime now);
  void on(const LockHeld& event, SteadyTime now);
  void on(const LockFree& event, SteadyTime now);
  void on(const StartFailed& event, SteadyTime now);
  void on(const HelloCame& event, SteadyTime now);
  void on(const ReportCame& event, SteadyTime now);
  void on(const Ended& event, SteadyTime now);
  void on(const TimePassed& event, SteadyTime now);
  void on(const ContentCame& event, SteadyTime now);

  void advance(SteadyTime now);
  void advance_down(SteadyTime now);
  void advance_following(SteadyTime now);
  void forget_order(SteadyTime now);
  void store_order(SteadyTime now);
  // What is on disk is not what it should be, and nothing is under way.
  bool may_write(SteadyTime now) const { return !writing_ && now >= disk_retry_at_; }
  void follow(int64_t pid, uint64_t term, SteadyTime now);
  void pause_before_restart(SteadyTime now);
  bool must_stop() const;
  bool must_end() const;
  void emit(const LifeEffect& effect) { effects_.push_back(effect); }

  Wanted wanted_ = Wanted::kRun;
  wire::StartOrder order_;
  bool stored_ = false;         // The file on disk is `order_`.
  bool writing_ = false;        // A StoreOrder or RemoveOrder was not answered yet.
  bool outdated_ = false;       // What is being stored is not `order_` any more.
  SteadyTime disk_retry_at_{};  // Not before: after a failure.
  bool content_here_ = false;   // Of the action of `order_`.
  std::string waits_;           // Why not.

  LifeState state_ = LifeState::kDown;
  int64_t pid_ = 0;            // kFollowing.
  uint64_t running_term_ = 0;  // kFollowing.
  // kFollowing: the lanes that it reads; none: it has not said so yet.
  std::optional<std::vector<std::string>> running_writers_;
  bool connected_ = false;  // kFollowing: it said hello.
  int64_t last_ended_pid_ = 0;
  SteadyTime up_since_{};
  SteadyTime start_at_{};  // kDown: not before.
  SteadyTime probe_at_{};  // kUnknownRuns: next look at the lock.
  std::chrono::milliseconds next_pause_{0};

  std::optional<SteadyTime> stopping_since_;  // kFollowing: a stop was sent.
  SteadyTime stop_again_at_{};
  SteadyTime end_again_at_{};

  std::optional<wire::InstanceStatus> report_;  // The last one, of any process of this instance.
  bool report_is_current_ = false;              // It is of the process that runs now.
  Rates rates_;                                 // Of the same.
  Starts starts_;
  std::string error_;  // Why it is not up.

  std::vector<LifeEffect> effects_;  // Of the step that is under way.
};

}  // namespace weir::agent
