// What weirctl remembers of an output between two runs, as it stands in a file (docs/up.md). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ctl/up/sink_merge.h"
#include "schema/base/result.h"
#include "schema/edge/reader.h"

namespace weir::ctl {

struct LanePosition {
  edge::ReaderDurable reader;
  SinkBegun begun;  // Of standard output, which cannot be cut back.

  // The most that one takes in a position.
  static constexpr size_t kBytesMax = 128;
};

struct SinkPosition {
  uint64_t run = 0;  // DataFolder::run(): a position of another run means nothing.
  SinkExtent extent;
  std::vector<LanePosition> lanes;  // That go to this output, in the order of the graph.

  static constexpr size_t bytes_max(size_t lanes) { return 64 + lanes * LanePosition::kBytesMax; }
};

std::string encode(const SinkPosition& position);
// kCorrupt if it is not what encode() gave.
Result<SinkPosition> decode_position(std::string_view bytes);

}  // namespace weir::ctl
