// The reading end of one edge: a state machine without sockets, clocks or files (R2, R3, R8).
//
// It decides which incarnation of the writer is listened to, which block is the next one, and what
// the acknowledgements say. What its owner does with the records is not its business: the owner
// reports how far they are taken and settled.
//
//   Closed --HELLO--> Meeting --(seen is synced)--> Welcomed --BEGIN--> Open --block, PING--> Open
//      any state: a HELLO of the same or a later incarnation starts over; an earlier one is
//      refused.
//
// What survives a crash is in ReaderDurable: the owner keeps it in its log.
#pragma once

#include <cstdint>
#include <optional>

#include "schema/edge/frames.h"
#include "schema/edge/history.h"
#include "schema/wire/block.h"

namespace weir::edge {

struct ReaderDurable {
  Incarnation
      seen;  // The latest incarnation of the writer; synced before its first block is taken.
  Position frontier;  // Consumption is committed up to here.
  bool enough = false;
  bool ended = false;  // END of the lane is committed.
  // Up to here it settles when the outputs that were visible with that commit have settled. Behind
  // the frontier where what was consumed is kept for later.
  Position settles = {};
};

class EdgeReader {
 public:
  EdgeReader(EdgeName name, uint64_t credit_bytes, const ReaderDurable& durable);

  struct Meeting {
    std::optional<Refuse> refuse;
    bool persist_seen = false;  // Sync seen() first, then call welcome().
  };
  Meeting on_hello(const Hello& hello);

  // The answer to the last HELLO. Call when seen() is synced and there is room for a window of
  // credit.
  Welcome welcome();

  // What the writer has lost: of the records that this reader holds uncommitted, only those up to
  // `keep` exist (none: none of this writer's).
  struct Rewind {
    Position keep;
    RecordId from;  // Where it sends again from.
  };
  std::optional<Rewind> on_begin(const Begin& begin);

  enum class Verdict {
    kTake,    // The next block, to be owned by the caller from `skip` pieces on.
    kRepeat,  // Had it: acknowledge again.
    kAsk,     // Something is missing before it: send welcome() once more.
    kIgnore,  // No session, or asked already.
  };
  struct Taking {
    Verdict verdict = Verdict::kIgnore;
    uint32_t skip_pieces = 0;
  };
  Taking on_block(const wire::BlockHeader& header);

  // The writer is there. True if something that it sent has not come: send welcome() once more. An
  // acknowledgement is due in any case.
  bool on_ping(const Ping& ping);

  // Begins again from a committed record: a run was lost and needs its input once more. Send Reset
  // with the session that is returned.
  uint64_t restart(const Position& frontier);
  // True if the writer's history still has this record (or there is none to have).
  bool writer_has(const Position& position) const;

  // True if nothing of the writer's lies between the two.
  bool follows(const Position& position, const RecordId& next) const {
    return history_.after(position.id()) == next;
  }

  // True if `session` is the one under way.
  bool current(uint64_t session) const { return session_ != 0 && session == session_; }
  bool open() const { return state_ == State::kOpen; }
  bool meeting() const { return state_ == State::kMeeting; }

  void set_taken(const Position& at) { ack_.taken = at; }
  void set_settled(const Position& at) { ack_.settled = at; }
  void set_enough() { ack_.enough = true; }
  void set_ended() { ack_.ended = true; }
  void set_holds(bool holds) { ack_.holds = holds; }

  // The cumulative acknowledgement to send now.
  Ack ack() const;

  const EdgeName& name() const { return name_; }
  const Incarnation& seen() const { return seen_; }
  // The last record that has come in order; it may be not taken yet.
  const Position& received() const { return received_; }
  const Position& settled() const { return ack_.settled; }
  const Position& taken() const { return ack_.taken; }
  bool enough() const { return ack_.enough; }
  bool ended() const { return ack_.ended; }

 private:
  enum class State { kClosed, kMeeting, kWelcomed, kOpen };

  EdgeName name_;
  uint64_t credit_bytes_;
  State state_ = State::kClosed;
  uint64_t session_ = 0;
  uint64_t round_ = 0;
  Incarnation seen_;
  History history_;  // The writer's, from its HELLO.
  Position received_;
  RecordId expected_;   // The next record, while open.
  bool asked_ = false;  // A gap was answered with WELCOME; blocks are ignored until BEGIN.
  Ack ack_;
};

}  // namespace weir::edge
