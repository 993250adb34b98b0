// The block: a run of consecutive records of one lane, built once, and the same bytes in the log
// and on the wire. docs/wire.md draws the layout.
//
//   offset  bytes  field
//        0      4  magic "WBK1"
//        4      1  version: 1, or 2 of what version 1 cannot say
//        5      1  flags: 1 continued, 2 abandoned, 4 end; version 2: 8 watermark
//        6      1  shape: how the payload is cut into records: 0 by "\n", 1 by "\0", 2 frames
//        7      1  zero; version 2: port of the node that it comes from (only 0, the main one, yet)
//        8      8  term   of the incarnation that wrote it
//       16      8  boot   likewise
//       24      8  nonce  likewise
//       32      8  seq of the first piece
//       40      4  pieces (1 to 2^20)
//       44      4  payload bytes (0 to 1 MiB)
//       48      8  XXH3-64 of the payload; version 2, of a mark: its value
//       56      8  XXH3-64 of the bytes 0 to 55
//       64         payload
//
// All numbers are big-endian. A piece is a whole record or a part of one: each piece has a sequence
// number. Flags:
//   continued  the block is one piece, a whole megabyte, and its record goes on in the next block;
//   abandoned  no payload, one piece: the record that the blocks before it began ends here,
//   unfinished;
//              readers that need records whole drop it;
//   end        no payload, one piece: the lane ends here (R8);
//   watermark  no payload, one piece: an event time (wire::Mark).
// In shape 2 each piece has a 32-bit big-endian length in front of it; in the others a piece ends
// with its delimiter (a continued one, and the last piece of a lane, may lack it).
#pragma once

#include <cstdint>
#include <optional>

#include "schema/base/ids.h"
#include "schema/base/result.h"
#include "schema/base/shared_bytes.h"
#include "schema/wire/framing.h"

namespace weir::wire {

inline constexpr uint8_t kBlockVersionOldest = 1;
inline constexpr uint8_t kBlockVersionNewest = 2;
inline constexpr size_t kBlockHeaderBytes = 64;
inline constexpr size_t kBlockPayloadBytesMax = 1u << 20;
inline constexpr uint32_t kBlockPiecesMax = 1u << 20;
inline constexpr size_t kBlockBytesMax = kBlockHeaderBytes + kBlockPayloadBytesMax;

struct BlockHeader {
  Incarnation of;
  uint64_t first = 0;
  uint32_t pieces = 0;
  uint32_t payload_bytes = 0;
  Shape shape = Shape::kLines;
  bool continued = false;    // The record of its one piece goes on in the next block.
  std::optional<Mark> mark;  // Then there is no payload, and one piece.
  uint64_t payload_hash = 0;

  uint64_t last() const { return first + pieces - 1; }
  RecordId first_id() const { return {of.term, of.boot, first}; }
  RecordId last_id() const { return {of.term, of.boot, last()}; }
  Position last_position() const { return {of, last()}; }
  bool is_end() const { return wire::is_end(mark); }
  // Of the block: the lowest that can say it.
  uint8_t version() const { return mark && mark->kind == Mark::Kind::kWatermark ? 2 : 1; }
};

// Immutable; cheap to copy. `bytes` has header and payload.
struct Block {
  BlockHeader header;
  SharedBytes bytes;

  size_t wire_bytes() const { return bytes.size; }
  SharedBytes payload() const { return bytes.sub(kBlockHeaderBytes, header.payload_bytes); }
};

// True if the bytes begin as a block does (and not as a frame of the edge protocol).
bool looks_like_block(const uint8_t* data, size_t size);

// Checks everything that can be checked: sizes, flags, both hashes. Errors: kCorrupt, naming the
// field.
Result<Block> decode_block(SharedBytes bytes);

// Writes the header in front of a payload that already lies at `buffer + kBlockHeaderBytes`, and
// returns the block that owns `buffer`. Computes both hashes.
Block finish_block(std::shared_ptr<uint8_t[]> buffer, BlockHeader header);

// A block without payload.
Block make_mark(const Incarnation& of, uint64_t seq, const Mark& mark);

}  // namespace weir::wire
