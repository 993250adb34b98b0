// Puts the lanes of several sinks onto one output: whole blocks take turns, but never inside a
// record (design 8). Pure.
//
// An unterminated last line keeps its missing delimiter only as the very last bytes of the output:
// if more follows, the delimiter is put in between. What came of a record that is then abandoned is
// cut off again where the output is a file, and else closed in the same way.
#pragma once

#include <optional>
#include <vector>

#include "ctl/up/sink_lane.h"

namespace weir::ctl {

// How far an output has come.
struct SinkExtent {
  uint64_t bytes = 0;         // That it has; of a file.
  uint64_t record_start = 0;  // Less than `bytes` while a record is open: it begins there.
  uint8_t owed = 0;           // 1 + the delimiter that goes in front of what follows; 0: none.
  uint32_t open_lane = 0;     // 1 + the lane whose record is open; 0: none.
  uint8_t open_owed = 0;      // 1 + that record's delimiter; 0: it has none.

  bool operator==(const SinkExtent&) const = default;
};

class SinkMerge {
 public:
  // The most that one batch has, give or take a block.
  static constexpr size_t kBatchBytes = 1u << 20;

  struct Reached {
    size_t lane = 0;
    Position last;
    bool end = false;
  };
  // One item of a lane.
  struct Part {
    size_t lane = 0;
    SinkItem item;
    size_t size = 0;  // With an owed delimiter in front.
    SinkExtent after;
  };
  // What is true when so much of a batch is on the output.
  struct Done {
    std::vector<Reached> reached;  // Acknowledge these. One entry a lane.
    SinkExtent extent;
    std::optional<std::pair<size_t, SinkBegun>> begun;  // Of this lane.
  };
  struct Batch {
    std::optional<uint64_t> cut_to;  // First shorten the file to this.
    std::vector<SharedBytes> bytes;
    size_t size = 0;
    uint64_t records = 0;
    std::vector<Part> parts;
    SinkExtent before;
    SinkExtent after;
    bool at_line_end = true;

    // `written`: so many of its bytes.
    Done done(size_t written) const;
    Done done() const { return done(size); }
  };

  // `lanes` must outlive this and stay where they are. `can_cut`: the output is a file.
  SinkMerge(std::vector<SinkLane*> lanes, bool can_cut, const SinkExtent& extent = {});

  // What to write next; nothing if nothing can be written now.
  std::optional<Batch> next();

  const std::vector<SinkLane*>& lanes() const { return lanes_; }
  const SinkExtent& extent() const { return extent_; }

 private:
  std::optional<size_t> choose();
  bool add(size_t lane, Batch& batch);
  void write(const SinkItem& item, Batch& batch);
  void append(SharedBytes bytes, Batch& batch);
  std::optional<size_t> in_record() const;

  std::vector<SinkLane*> lanes_;
  bool can_cut_;
  SinkExtent extent_;
  size_t turn_ = 0;
};

}  // namespace weir::ctl
