// What weirctl remembers of a sink's lane between two runs, as it stands in a file (docs/up.md).
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "ctl/up/sink_merge.h"
#include "schema/base/result.h"
#include "schema/edge/reader.h"

namespace weir::ctl {

struct SinkPosition {
  uint64_t run = 0;  // DataFolder::run(): a position of another run means nothing.
  edge::ReaderDurable reader;
  SinkExtent extent;  // Of the file under --output.
};

std::string encode(const SinkPosition& position);
// kCorrupt if it is not what encode() gave.
Result<SinkPosition> decode_position(std::string_view bytes);

}  // namespace weir::ctl
