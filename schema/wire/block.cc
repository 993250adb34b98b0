#include "schema/wire/block.h"

#include <xxhash.h>

#include <cstring>
#include <utility>

#include "schema/base/codec.h"

namespace weir::wire {
namespace {

constexpr char kMagic[4] = {'W', 'B', 'K', '1'};
constexpr size_t kHashedHeaderBytes = 56;
constexpr uint8_t kContinued = 1;
constexpr uint8_t kAbandoned = 2;
constexpr uint8_t kEnd = 4;
constexpr uint8_t kWatermark = 8;  // Version 2.

Error corrupt(std::string what) { return Error{ErrorCode::kCorrupt, "block: " + std::move(what)}; }

uint8_t flags_of(const BlockHeader& header) {
  if (!header.mark) return header.continued ? kContinued : 0;
  switch (header.mark->kind) {
    case Mark::Kind::kAbandoned:
      return kAbandoned;
    case Mark::Kind::kEnd:
      return kEnd;
    case Mark::Kind::kWatermark:
      return kWatermark;
  }
  return 0;
}

// False if they are none of ours.
bool set_flags(uint8_t version, uint8_t flags, BlockHeader& header) {
  header.continued = flags == kContinued;
  if (flags == kAbandoned) header.mark = kAbandonedMark;
  if (flags == kEnd) header.mark = kEndMark;
  if (flags == kWatermark && version > 1) header.mark = Mark{Mark::Kind::kWatermark, 0};
  return flags == 0 || header.continued || header.mark;
}

// Version 2 has the value of a mark where there is no payload that a hash could be of.
bool has_value(uint8_t version, const BlockHeader& header) { return version > 1 && header.mark; }

void encode_header(uint8_t* at, const BlockHeader& header) {
  std::memcpy(at, kMagic, sizeof kMagic);
  at[4] = header.version();
  at[5] = flags_of(header);
  at[6] = static_cast<uint8_t>(header.shape);
  at[7] = 0;
  store_be<uint64_t>(at + 8, header.of.term);
  store_be<uint64_t>(at + 16, header.of.boot);
  store_be<uint64_t>(at + 24, header.of.nonce);
  store_be<uint64_t>(at + 32, header.first);
  store_be<uint32_t>(at + 40, header.pieces);
  store_be<uint32_t>(at + 44, header.payload_bytes);
  store_be<uint64_t>(
      at + 48, has_value(header.version(), header) ? header.mark->value : header.payload_hash);
  store_be<uint64_t>(at + 56, XXH3_64bits(at, kHashedHeaderBytes));
}

Status check_shape(const BlockHeader& header, size_t size) {
  if (header.of.term == 0 || header.of.boot == 0) return corrupt("term and boot begin at 1");
  if (header.first == 0 || header.first > (uint64_t{1} << 62)) {
    return corrupt("sequence number out of range");
  }
  if (header.pieces == 0 || header.pieces > kBlockPiecesMax) return corrupt("pieces out of range");
  if (header.payload_bytes > kBlockPayloadBytesMax) return corrupt("payload over 1 MiB");
  if (header.payload_bytes + kBlockHeaderBytes != size) {
    return corrupt("payload of " + std::to_string(header.payload_bytes) + " bytes in a block of " +
                   std::to_string(size));
  }
  if (header.mark.has_value() != (header.payload_bytes == 0)) {
    return corrupt("flags do not fit the payload");
  }
  if ((header.mark || header.continued) && header.pieces != 1) {
    return corrupt("a mark is one piece");
  }
  return {};
}

}  // namespace

bool looks_like_block(const uint8_t* data, size_t size) {
  return size >= kBlockHeaderBytes && std::memcmp(data, kMagic, sizeof kMagic) == 0;
}

Result<Block> decode_block(SharedBytes bytes) {
  const uint8_t* at = bytes.data;
  if (!looks_like_block(at, bytes.size)) return corrupt("no block begins here");
  const uint8_t version = at[4];
  if (version < kBlockVersionOldest || version > kBlockVersionNewest) {
    return corrupt("version " + std::to_string(version) + " is not known");
  }
  if (XXH3_64bits(at, kHashedHeaderBytes) != load_be<uint64_t>(at + 56)) {
    return corrupt("the header's hash does not match");
  }
  if (at[6] > static_cast<uint8_t>(Shape::kFrames)) return corrupt("unknown shape");
  if (at[7] != 0 && version > 1) return corrupt("port " + std::to_string(at[7]) + " is not known");
  if (at[7] != 0) return corrupt("the reserved byte is " + std::to_string(at[7]) + ", not 0");
  Block block;
  BlockHeader& header = block.header;
  if (!set_flags(version, at[5], header)) return corrupt("unknown flags " + std::to_string(at[5]));
  header.shape = static_cast<Shape>(at[6]);
  header.of = {load_be<uint64_t>(at + 8), load_be<uint64_t>(at + 16), load_be<uint64_t>(at + 24)};
  header.first = load_be<uint64_t>(at + 32);
  header.pieces = load_be<uint32_t>(at + 40);
  header.payload_bytes = load_be<uint32_t>(at + 44);
  header.payload_hash = load_be<uint64_t>(at + 48);
  if (has_value(version, header)) {
    header.mark->value = std::exchange(header.payload_hash, XXH3_64bits(nullptr, 0));
  }
  if (Status shape = check_shape(header, bytes.size); !shape) return std::move(shape).error();
  if (XXH3_64bits(at + kBlockHeaderBytes, header.payload_bytes) != header.payload_hash) {
    return corrupt("the payload's hash does not match");
  }
  block.bytes = std::move(bytes);
  return block;
}

Block finish_block(std::shared_ptr<uint8_t[]> buffer, BlockHeader header) {
  uint8_t* at = buffer.get();
  header.payload_hash = XXH3_64bits(at + kBlockHeaderBytes, header.payload_bytes);
  encode_header(at, header);
  Block block;
  block.header = header;
  block.bytes = SharedBytes{std::move(buffer), at, kBlockHeaderBytes + header.payload_bytes};
  return block;
}

Block make_mark(const Incarnation& of, uint64_t seq, const Mark& mark) {
  BlockHeader header;
  header.of = of;
  header.first = seq;
  header.pieces = 1;
  header.mark = mark;
  return finish_block(std::shared_ptr<uint8_t[]>(new uint8_t[kBlockHeaderBytes]), header);
}

}  // namespace weir::wire
