// The program of a node: its runs through the guard, and the bytes in and out of it. Turns what
// happens into the core's events. Thread: loop.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "schema/base/result.h"
#include "schema/runtime/loop.h"
#include "schema/wire/order.h"
#include "wrapper/action/guard_client.h"
#include "wrapper/core/effects.h"
#include "wrapper/shell/stderr_file.h"

namespace weir::shell {

// What is known of the run under way.
struct ProgramRun {
  action::RunId id{};
  action::RunPipes pipes;
  pid_t pid = 0;
  runtime::WatchId stdin_watch = runtime::WatchId::kNone;
  runtime::WatchId stdout_watch = runtime::WatchId::kNone;
  runtime::WatchId stderr_watch = runtime::WatchId::kNone;
  std::deque<SharedBytes> to_feed;
  bool close_when_fed = false;
  bool stdout_ended = false;
  runtime::SteadyTime quiet_since{};  // The last of its output, or its exit.
  bool held_told = false;
  bool killed = false;
  bool end_asked = false;  // What is left of its tree is being killed.
  bool tree_gone = false;
  std::optional<core::RunEnd> end;
};

// A run that was ordered while the one before it is being killed, and what was said to it.
struct WaitingRun {
  core::RunOrder order;
  std::deque<SharedBytes> to_feed;
  bool close_when_fed = false;
  bool close_stdout = false;
};

class Program {
 public:
  struct Events {
    std::function<std::span<uint8_t>()> output_space;
    std::function<void(size_t)> on_output;
    std::function<void(size_t)> on_fed;
    std::function<void()> on_stdin_broken;
    std::function<void(const core::RunEnd&)> on_run_end;
    // Why a run cannot even be begun, which is tried again; empty: it has.
    std::function<void(const std::string& why)> on_begun;
    // The program has ended, and others keep its stdout open without writing: who; empty: no more.
    std::function<void(const std::string& who)> on_held_open;
    std::function<void()>
        on_guard_gone;  // After stop(), or when the guard cannot be started again.
  };
  // `umask`: of the program; nothing: as ours.
  Program(runtime::Loop& loop, const wire::StartOrder& order, std::vector<int> keep_fds,
          std::optional<mode_t> umask, Events events);
  ~Program();

  // Starts the guard. Errors: kNotFound (no weir-guard), kIo.
  Status start_guard();

  void start_run(const core::RunOrder& order);
  void feed(const SharedBytes& bytes);
  void close_stdin();
  void close_stdout();
  // The run's end is not reported; the next run starts when nothing is left of this one.
  void kill_run();
  // TERM, and KILL where that does not help; its end is reported, also of a run that has not begun.
  void terminate_run();
  // True while the run that was ordered last waits for the one before it.
  bool run_waits() const { return waiting_.has_value(); }
  // What lies in the pipe to its stdin.
  size_t unread_bytes() const;
  // Processor time of the run's processes, in clock ticks.
  uint64_t cpu_ticks() const;
  // Kills everything and ends the guard; then on_guard_gone.
  void stop();

  // Writes what was fed, as far as the pipe takes it. True if anything was written.
  bool flush();
  // Reads its stdout again if there is room for it now.
  void resume_output();

  // About once a second: tells of a run that has ended and is not over.
  void look_who_holds();

  pid_t pid() const { return run_ ? run_->pid : 0; }

 private:
  void on_guard_event();
  void handle(const action::GuardEvent& event);
  void on_guard_lost();
  void start_waiting();
  void watch_run();
  void read_output();
  void read_stderr();
  static constexpr std::chrono::seconds kTermWait{5};
  static constexpr std::chrono::seconds kHeldOpenWait{10};
  void end_stdin();
  void end_stdout();
  void check_over();
  std::vector<std::string> argv() const;

  runtime::Loop& loop_;
  const wire::StartOrder& order_;
  std::vector<int> keep_fds_;
  std::optional<mode_t> umask_;
  Events events_;
  std::optional<action::GuardClient> guard_;
  runtime::WatchId guard_watch_ = runtime::WatchId::kNone;
  uint64_t next_run_ = 1;
  std::optional<ProgramRun> run_;
  std::optional<WaitingRun> waiting_;  // Starts when run_ is gone.
  uint64_t unbegun_ = 0;               // Of the runs that were stopped while they waited.
  StderrFile stderr_;
  bool stopping_ = false;
};

}  // namespace weir::shell
