#include "wrapper/wal/ranges.h"

#include <algorithm>

#include "schema/wire/block.h"
#include "wrapper/wal/keys.h"

namespace weir::wal {
namespace {

Status check_block(std::string_view key, std::string_view value) {
  const Result<wire::Block> block = wire::decode_block(SharedBytes::borrowed(value));
  const std::string what = "record " + to_string(id_of_key(key));
  if (!block) return Error(block.error()).in(what);
  if (block->header.first_id() == id_of_key(key)) return {};
  return Error{ErrorCode::kCorrupt, what + ": there is another block"};
}

constexpr SegmentedRange kRanges[] = {{kBlock, check_block}};

}  // namespace

std::span<const SegmentedRange> segmented_ranges() { return kRanges; }

bool is_segmented(char letter) {
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [&](const SegmentedRange& range) { return range.letter == letter; });
}

}  // namespace weir::wal
