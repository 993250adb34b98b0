// The reading end of an edge as whoever reads a lane has it: the protocol (EdgeReader), when a
// HELLO may be answered, and which acknowledgement is due. What becomes of the records is the
// owner's business.
//
//   HELLO --on_hello()--> [seen() is synced, seen_kept()] --welcome_due()--> WELCOME
//   BEGIN, PING --on_frame()-->    block --on_block()-->    --ack_due()--> ACK
//
// Thread: the owner's. What survives a crash is in ReaderDurable: the owner keeps it.
#pragma once

#include <optional>
#include <utility>

#include "schema/base/peer.h"
#include "schema/edge/reader.h"

namespace weir::edge {

class ReadingEnd {
 public:
  ReadingEnd(EdgeName name, uint64_t credit_bytes, const ReaderDurable& durable);

  // ---- from the writer
  // With `persist_seen` the owner syncs seen(), then calls seen_kept(): no WELCOME goes before.
  // Without `refuse`, `peer` is who this lane comes from now.
  EdgeReader::Meeting on_hello(const Hello& hello, const Peer& peer);
  void seen_kept() { keeping_seen_ = false; }

  struct Heard {
    std::optional<EdgeReader::Rewind> rewind;  // The owner drops what it holds behind it.
    std::optional<Reset> reset;                // To be said to the writer now.
  };
  // BEGIN and PING; others mean nothing here.
  Heard on_frame(const Frame& frame);

  // Nothing: it is no news. Else the block is the owner's, from so many pieces on.
  std::optional<uint32_t> on_block(const wire::BlockHeader& header);

  // ---- to the writer; call each once in a while, as once a turn
  // `has_room`: a new session begins with a whole window of credit, so one must fit.
  std::optional<Welcome> welcome_due(bool has_room);
  // `gives_credit`: without, what was taken since the last one is not said: `taken` drives credit,
  // and nothing else.
  std::optional<Ack> ack_due(bool gives_credit = true);

  // ---- from the owner
  // How far records are taken, and settled.
  void set_taken(const Position& at) { reader_.set_taken(at); }
  void set_settled(const Position& at) { reader_.set_settled(at); }
  // An open stream unit needs what it has taken until it ends (R7), here or further down.
  void set_holds(bool holds) { reader_.set_holds(holds); }
  // No block is wanted any more, from now on; the writer may be told later.
  void want_no_more() { wants_more_ = false; }
  // What the writer is told: that the end is committed, that no more is wanted (R8).
  void set_ended() { reader_.set_ended(); }
  void set_enough() { reader_.set_enough(); }
  // Begins again from a committed record: a run was lost and needs its input once more. The RESET,
  // if there is a session, is to be said to the writer now.
  std::optional<Reset> restart(const Position& frontier);

  // ---- what is known
  const EdgeName& name() const { return reader_.name(); }
  const Peer& peer() const { return peer_; }
  const Incarnation& seen() const { return reader_.seen(); }
  const Position& received() const { return reader_.received(); }
  const Position& taken() const { return reader_.taken(); }
  const Position& settled() const { return reader_.settled(); }
  bool ended() const { return reader_.ended(); }
  bool enough() const { return reader_.enough(); }
  bool open() const { return reader_.open(); }
  bool wants_more() const { return wants_more_; }
  // As EdgeReader has them.
  bool writer_has(const Position& position) const { return reader_.writer_has(position); }
  bool follows(const Position& position, const RecordId& next) const {
    return reader_.follows(position, next);
  }

 private:
  EdgeReader reader_;
  Peer peer_;
  bool greeting_ = false;      // A HELLO, or a gap, waits for its WELCOME.
  bool keeping_seen_ = false;  // seen() is being synced.
  bool wants_more_;
  bool ack_asked_ = false;  // An ACK is to go although it is no news.
  Ack said_;                // The last one of this session.
};

}  // namespace weir::edge
