// The writing end of one edge: a state machine without sockets, clocks or files (R2, R3, R7, R8).
//
// It knows where in the lane its reader is, how much may be sent, and what the reader has settled.
// The lane's history and its first held record belong to the owner and come in as arguments.
//
//   Down --hello()--> Greeting --WELCOME--> Streaming --(RESET, silence)--> Down
//                        |--REFUSE: stale or a copy--> the owner raises its boot or stops
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

#include "schema/edge/frames.h"
#include "schema/edge/history.h"
#include "schema/wire/block.h"

namespace weir::edge {

using SteadyTime = std::chrono::steady_clock::time_point;

class EdgeWriter {
 public:
  static constexpr std::chrono::milliseconds kGreetAgain{500};  // HELLO without an answer.
  static constexpr std::chrono::milliseconds kPingInterval{1000};
  static constexpr std::chrono::milliseconds kSilenceMax{
      5000};  // Then the connection is made anew.

  explicit EdgeWriter(EdgeName name) : name_(std::move(name)) {}

  // Begins a new session. `history` must not be empty.
  Hello hello(const History& history, const RecordId& first_held, SteadyTime now);

  // What the reader's answer means for the writer. `begin` is to be sent before any block. `end`:
  // the lane's END, if it has ended; it must be held for ever.
  struct Greeted {
    std::optional<Begin> begin;
    ResumeCause cause = ResumeCause::kAfter;
  };
  Greeted on_welcome(const Welcome& welcome, const History& history, const RecordId& first_held,
                     SteadyTime now, const RecordId& end = {});
  void on_ack(const Ack& ack, const History& history, SteadyTime now);
  // The reader lost the thread. True if hello() is called for.
  bool on_reset(const Reset& reset);
  // True if it concerns this session.
  bool on_refuse(const Refuse& refuse);

  enum class Tick { kNothing, kHello, kPing, kReconnect };
  // Call now and then (a quarter of a second suits).
  Tick tick(SteadyTime now);
  Ping ping(SteadyTime now);
  // The connection is gone (a new endpoint, a socket made anew).
  void disconnected();

  // True if a block may go now: less than the credit is outstanding (R7). So what is outstanding
  // stays under the credit and one block, and a writer with nothing outstanding may always send
  // one.
  bool may_send() const;
  bool streaming() const { return state_ == State::kStreaming; }
  // The id of the next record to send, while streaming.
  const RecordId& cursor() const { return cursor_; }
  // A block was handed to the socket; `next` is the id after it in the lane.
  void sent(const wire::Block& block, const RecordId& next);

  // Wants nothing more: it said `enough` or `ended`.
  bool satisfied() const { return enough_ || ended_; }
  bool enough() const { return enough_; }
  bool ended() const { return ended_; }
  bool holds() const { return holds_; }
  // All records up to here are settled by this reader; kAllRecords when it wants no more.
  const RecordId& settled() const { return settled_; }
  const RecordId& taken() const { return taken_; }
  uint64_t outstanding_bytes() const { return outstanding_bytes_; }
  const EdgeName& name() const { return name_; }

 private:
  enum class State { kDown, kGreeting, kStreaming };
  struct Outstanding {
    RecordId last;
    size_t wire_bytes;
  };

  void take(const RecordId& taken);

  EdgeName name_;
  State state_ = State::kDown;
  uint64_t session_ = 0;
  SteadyTime greeted_at_{};
  SteadyTime heard_at_{};
  SteadyTime pinged_at_{};
  RecordId cursor_;
  RecordId taken_;
  RecordId settled_;
  uint64_t credit_bytes_ = 0;
  std::deque<Outstanding> outstanding_;
  uint64_t outstanding_bytes_ = 0;
  bool enough_ = false;
  bool ended_ = false;
  bool holds_ = false;
};

}  // namespace weir::edge
