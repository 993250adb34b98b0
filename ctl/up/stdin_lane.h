// The lane of the caller's stdin (`-`), of which weirctl is the writer: cuts what is read into
// blocks, holds them until the reading wrapper has them in its log, and sends them. A state machine
// without sockets, clocks or files.
//
// Memory is its log, so nothing of it survives a crash; what a resumed run must know is in
// StdinDurable.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>

#include "schema/edge/history.h"
#include "schema/edge/writer.h"
#include "schema/wire/block.h"

namespace weir::ctl {

// What is kept of a stdin that was read by an earlier run: its incarnation and how far the wrapper
// had settled it. Another run's stdin is another stream, and follows.
struct StdinDurable {
  edge::HistoryEntry entry;
  bool mid_record = false;  // Its last piece did not end its record.
};

std::string encode(const StdinDurable& durable);
Result<StdinDurable> decode_stdin(std::string_view bytes);

class StdinLane {
 public:
  static constexpr size_t kHeldBytesMax = 8u << 20;  // Then no more is read.
  static constexpr size_t kReadBytes = 256u << 10;

  // `delimiter`: '\n' or '\0'.
  StdinLane(edge::EdgeName name, uint64_t nonce, char delimiter,
            const std::optional<StdinDurable>& before);

  // ---- from stdin
  bool wants_input() const;
  void added(std::span<const uint8_t> bytes);
  // The end of stdin: what is left goes, then END.
  void end();

  // ---- to and from the reader
  edge::Hello hello(edge::SteadyTime now);
  // Returns the frame to answer with, if there is one.
  std::optional<edge::Frame> on_frame(const edge::Frame& frame, edge::SteadyTime now);
  edge::EdgeWriter::Tick tick(edge::SteadyTime now) { return writer_.tick(now); }
  edge::Ping ping(edge::SteadyTime now) { return writer_.ping(now); }
  void disconnected() { writer_.disconnected(); }
  // The next block to send, if one may go now. sent() says that it went.
  const wire::Block* to_send() const;
  void sent(const wire::Block& block);

  // The reader has END in its log, or wants no more: nothing is left to do.
  bool finished() const { return writer_.satisfied(); }
  // An earlier run's stdin was read to its end and logged: this one's is not wanted.
  bool was_ended_before() const { return writer_.ended() && !ended_; }
  StdinDurable durable() const;
  const std::string& refusal() const { return refusal_; }
  size_t held_bytes() const { return held_bytes_ + pending_.size(); }

 private:
  void cut();
  void add_block(const wire::Cutting& cutting);
  void add_mark(const wire::Mark& mark);
  void hold(wire::Block block);
  void drop_settled();
  RecordId first_held() const;

  edge::EdgeWriter writer_;
  edge::History history_;
  Incarnation of_;
  wire::Shape shape_;
  std::string pending_;           // Read, not yet in a block.
  std::deque<wire::Block> held_;  // Consecutive.
  size_t held_bytes_ = 0;
  bool mid_record_ = false;
  bool ended_ = false;
  RecordId settled_;
  std::deque<bool> open_ends_;  // Of each held block: its record goes on.
  bool settled_mid_record_ = false;
  std::string refusal_;
};

}  // namespace weir::ctl
