// One sink's lane as weirctl reads it: a state machine without sockets, clocks or files.
//
// Blocks come in order, wait here, are taken for the output one by one, and are acknowledged when
// they are written. What waits is bounded by twice the credit.
//
//   block --on_block()--> waiting --take()--> being written --done()--> acknowledged
//
// What survives a crash is SinkDurable; the owner keeps it, or does not.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "schema/edge/reading_end.h"
#include "schema/wire/block.h"

namespace weir::ctl {

// Of a lane's next bytes some are on the output already: the write that had them came no further.
struct SinkBegun {
  Position first;      // The piece that they begin with.
  uint32_t bytes = 0;  // How many; 0: none.
  uint8_t owed = 0;    // 1 + the delimiter that they lack if they are never gone on with; 0: none.

  bool operator==(const SinkBegun&) const = default;
};

// A run of pieces of a lane, ready to be written.
struct SinkItem {
  SharedBytes bytes;  // Without the lengths in front of frames. Empty for marks.
  Position first;
  Position last;
  uint32_t records = 0;  // That end in it.
  wire::Shape shape = wire::Shape::kLines;
  bool ends_record = true;
  std::optional<wire::Mark> mark;
  uint32_t begun = 0;  // Bytes that belong in front of it and are on the output already.
  uint8_t owed = 0;    // As in SinkBegun: what was begun is not gone on with.
};

class SinkLane {
 public:
  // `open`: the record of the last piece up to the frontier goes on.
  SinkLane(edge::EdgeName name, uint64_t credit_bytes, const edge::ReaderDurable& durable,
           const SinkBegun& begun = {}, bool open = false);

  // ---- from the writer
  std::optional<edge::Refuse> on_hello(const edge::Hello& hello, const Peer& peer);
  // True once after a HELLO whose incarnation is new: keep seen(), then call seen_kept(). No block
  // is taken before.
  bool must_keep_seen();
  void seen_kept() { end_.seen_kept(); }
  struct Heard {
    std::optional<edge::Reset> reset;  // To be said to the writer now.
    std::optional<std::string> note;   // To be told the user.
  };
  // BEGIN and PING; others mean nothing here.
  Heard on_frame(const edge::Frame& frame);
  void on_block(const wire::Block& block);

  // ---- to the writer
  // What is to be said now; empty if nothing has changed. Call once in a while, as after each turn.
  std::vector<edge::Frame> say();

  // ---- to the output
  bool has_item() const { return !waiting_.empty(); }
  bool next_is_abandoned() const { return has_item() && wire::is_abandoned(waiting_.front().mark); }
  SinkItem take();
  // All that was taken up to `last` is written (and synced, where that matters).
  void done(const Position& last, bool end);
  // The output takes no more.
  void enough();

  bool ended() const { return end_.ended(); }
  bool satisfied() const { return !end_.wants_more(); }
  const edge::EdgeName& name() const { return end_.name(); }
  const Incarnation& seen() const { return end_.seen(); }
  // The last piece that was taken, by this run or an earlier one.
  RecordId taken_upto() const { return taken_out_.id(); }

 private:
  std::optional<std::string> on_rewind(const Position& keep);
  void drop_begun(SinkItem& item);

  edge::ReadingEnd end_;
  uint64_t credit_bytes_;
  std::deque<SinkItem> waiting_;
  size_t waiting_bytes_ = 0;
  Position taken_out_;     // The last piece that went to the output.
  bool open_ = false;      // ... and its record goes on.
  SinkBegun begun_;        // By an earlier run.
  bool new_seen_ = false;  // And not asked for by must_keep_seen() yet.
};

}  // namespace weir::ctl
