// One run after the other of a node's program, until its lane is ended: what is the same however
// the program is fed and read.
//
//   Waiting --start()--> Running --finish()--> Ending --END is in the log--> Ended
//      ^                    |         '--- also from Waiting
//      '------ wait() ------'
//
// Thread: the node's. What survives a crash is the count of failed attempts (A in the log).
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>

#include "wrapper/core/effects.h"
#include "wrapper/core/node.h"
#include "wrapper/core/stall.h"
#include "wrapper/core/state.h"

namespace weir::core {

class UnitRun {
 public:
  // `node` must outlive it.
  UnitRun(Node& node, const LogState& state);

  // Once per turn, first: the time of all that follows.
  void begin_turn(SteadyTime now) { now_ = now; }
  SteadyTime now() const { return now_; }

  bool waiting() const { return phase_ == Phase::kWaiting; }
  // Waiting, and it is time for the next run.
  bool due() const { return waiting() && now_ >= start_at_; }
  bool running() const { return phase_ == Phase::kRunning; }
  // The lane is being ended, or is.
  bool over() const { return phase_ == Phase::kEnding || ended(); }
  bool ended() const { return phase_ == Phase::kEnded; }
  const char* state() const;

  // ---- beginning
  struct Start {
    UnitId unit;
    uint32_t attempt = 1;
    bool wants_stdin = true;
    std::optional<std::string> position = {};  // WEIR_POSITION, of a source.
  };
  void start(const Start& start);
  // The next run not before so long.
  void wait(std::chrono::milliseconds time);
  // The next run as soon as there is something for it.
  void be_idle();

  // ---- its stdin
  // In order; when all of `parts` are written, the input is taken up to `last` (none: not an
  // input's).
  void feed(size_t input, const Position& last, std::span<const SharedBytes> parts);
  void feed(size_t input, const Position& last, const SharedBytes& bytes) {
    feed(input, last, std::span(&bytes, 1));
  }
  void on_fed(size_t bytes);
  void close_stdin();
  bool stdin_closed() const { return stdin_closed_; }
  void on_stdin_broken() { stdin_broken_ = true; }
  // It takes what it is fed, as far as is known.
  bool reads_stdin() const { return !stdin_broken_; }
  size_t unwritten_bytes() const { return unwritten_bytes_; }
  bool all_written() const { return feeding_.empty(); }
  void forget_fed();

  // ---- R12
  // It gave something.
  void on_output() { stall_.progress(now_); }
  // `owes`: something is due from it, and would be read.
  bool stalled(bool owes) { return stall_.stalled(now_, owes, node_.effects()); }
  void stop_if_stalled(bool owes);
  std::string stall_reason() const { return stall_.reason(); }

  // ---- its end
  // R11: it broke its protocol: it is stopped, and nothing more is read.
  void break_off(std::string why);
  bool broken() const { return broken_.has_value(); }
  struct Outcome {
    bool well = false;
    std::string why;  // In words, also if it ended well.
  };
  // `unfinished`: what it left undone, to be added to how it ended; empty: nothing.
  Outcome outcome(const RunEnd& end, const std::string& unfinished = "") const;
  // R9: what it broke itself always counts.
  bool counts(const RunEnd& end) const;
  // Of what is tried again whole, as sources and stream units: counts the attempt and says so.
  // `progressed`: it had done something before it failed: the first one then. False: the node has
  // failed.
  bool may_try_again(const RunEnd& end, const std::string& why, const UnitId& unit,
                     bool progressed);
  // The wait before the next attempt after that.
  std::chrono::milliseconds wait_after(const RunEnd& end) const;

  // Failed attempts at what is under way.
  uint32_t failed() const { return failed_; }
  void put_failed(const UnitId& unit, uint32_t failed);
  void forget_failed();

  // The program is done: the lane ends, with what is staged.
  void finish();

 private:
  enum class Phase { kWaiting, kRunning, kEnding, kEnded };
  struct Feeding {
    size_t input;
    Position last;
    size_t bytes;
  };

  Node& node_;
  Phase phase_ = Phase::kWaiting;
  SteadyTime now_{};
  SteadyTime start_at_{};
  std::deque<Feeding> feeding_;  // Handed to the shell, not yet written.
  size_t unwritten_bytes_ = 0;
  bool stdin_closed_ = false;
  bool stdin_broken_ = false;
  std::optional<std::string> broken_;  // How it broke its protocol.
  uint32_t failed_ = 0;
  StallWatch stall_;
};

// "exited with status 3; attempt 2 of 4"
void note_attempt(Node& node, const std::string& why, uint32_t failed);

}  // namespace weir::core
