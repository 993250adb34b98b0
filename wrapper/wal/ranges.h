// Which keys have values that may lie in segment files (segments.h) instead of the database.
//
// Such a range is written in the order of its keys and erased from its beginning; what was staged
// behind its end may be erased up to the end of the range. What the values are is their writer's
// business; that they are whole is asked here.
#pragma once

#include <span>
#include <string_view>

#include "schema/base/result.h"

namespace weir::wal {

struct SegmentedRange {
  char letter;  // Its keys begin with this.
  // kCorrupt, naming the value, if these are not the bytes that were written under this key.
  Status (*check)(std::string_view key, std::string_view value);
};

// Of a wrapper's log: blocks.
std::span<const SegmentedRange> segmented_ranges();

bool is_segmented(char letter);

}  // namespace weir::wal
