#include "schema/wire/block.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "schema/base/codec.h"

namespace weir::wire {
namespace {

constexpr char kMagic[4] = {'W', 'B', 'K', '1'};
constexpr uint8_t kVersion = 1;
constexpr size_t kHashedHeaderBytes = 56;

Error corrupt(std::string what) { return Error{ErrorCode::kCorrupt, "block: " + std::move(what)}; }

void encode_header(uint8_t* at, const BlockHeader& header) {
  std::memcpy(at, kMagic, sizeof kMagic);
  at[4] = kVersion;
  at[5] = header.flags;
  at[6] = static_cast<uint8_t>(header.shape);
  at[7] = 0;
  store_be<uint64_t>(at + 8, header.of.term);
  store_be<uint64_t>(at + 16, header.of.boot);
  store_be<uint64_t>(at + 24, header.of.nonce);
  store_be<uint64_t>(at + 32, header.first);
  store_be<uint32_t>(at + 40, header.pieces);
  store_be<uint32_t>(at + 44, header.payload_bytes);
  store_be<uint64_t>(at + 48, header.payload_hash);
  store_be<uint64_t>(at + 56, XXH3_64bits(at, kHashedHeaderBytes));
}

Status check_shape(const BlockHeader& header, size_t size) {
  const bool mark = header.abandoned() || header.end();
  if (header.flags != 0 && header.flags != kContinued && header.flags != kAbandoned &&
      header.flags != kEnd) {
    return corrupt("unknown flags " + std::to_string(header.flags));
  }
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
  if (mark != (header.payload_bytes == 0)) return corrupt("flags do not fit the payload");
  if ((mark || header.continued()) && header.pieces != 1) return corrupt("a mark is one piece");
  return {};
}

// Vectors as GCC and clang have them: instructions of whatever processor it is compiled for. A
// plain loop is at -O2 up to ten times slower.
using Lanes = uint8_t __attribute__((vector_size(16)));
using WideLanes = uint64_t __attribute__((vector_size(16)));

// At most 16 * 255.
size_t sum_of(Lanes lanes) {
  constexpr uint64_t kEvenBytes = 0x00ff00ff00ff00ff;
  const auto wide = reinterpret_cast<WideLanes>(lanes);
  const WideLanes pairs = (wide & kEvenBytes) + ((wide >> 8) & kEvenBytes);
  // Four sums of 16 bits; the product has the sum of all four in its highest.
  return (pairs[0] + pairs[1]) * 0x0001000100010001 >> 48;
}

}  // namespace

bool looks_like_block(const uint8_t* data, size_t size) {
  return size >= kBlockHeaderBytes && std::memcmp(data, kMagic, sizeof kMagic) == 0;
}

Result<Block> decode_block(SharedBytes bytes) {
  const uint8_t* at = bytes.data;
  if (!looks_like_block(at, bytes.size)) return corrupt("no block begins here");
  if (at[4] != kVersion) return corrupt("version " + std::to_string(at[4]) + " is not known");
  if (XXH3_64bits(at, kHashedHeaderBytes) != load_be<uint64_t>(at + 56)) {
    return corrupt("the header's hash does not match");
  }
  if (at[6] > static_cast<uint8_t>(Shape::kFrames)) return corrupt("unknown shape");
  if (at[7] != 0) return corrupt("the reserved byte is " + std::to_string(at[7]) + ", not 0");
  Block block;
  BlockHeader& header = block.header;
  header.flags = at[5];
  header.shape = static_cast<Shape>(at[6]);
  header.of = {load_be<uint64_t>(at + 8), load_be<uint64_t>(at + 16), load_be<uint64_t>(at + 24)};
  header.first = load_be<uint64_t>(at + 32);
  header.pieces = load_be<uint32_t>(at + 40);
  header.payload_bytes = load_be<uint32_t>(at + 44);
  header.payload_hash = load_be<uint64_t>(at + 48);
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

Block make_mark(const Incarnation& of, uint64_t seq, uint8_t flags) {
  BlockHeader header;
  header.of = of;
  header.first = seq;
  header.pieces = 1;
  header.flags = flags;
  return finish_block(std::shared_ptr<uint8_t[]>(new uint8_t[kBlockHeaderBytes]), header);
}

size_t count_delimiters(std::span<const uint8_t> bytes, uint8_t delimiter) {
  const uint8_t* at = bytes.data();
  size_t rest = bytes.size();
  size_t count = 0;
  const Lanes wanted = Lanes{} + delimiter;
  while (rest >= sizeof(Lanes)) {
    // A lane overflows after 255 rounds: they are added up before that.
    const size_t rounds = std::min<size_t>(rest / sizeof(Lanes), 255);
    Lanes counts{};
    for (size_t i = 0; i < rounds; ++i, at += sizeof(Lanes)) {
      Lanes chunk;
      std::memcpy(&chunk, at, sizeof chunk);
      counts -= reinterpret_cast<Lanes>(chunk == wanted);  // True is -1.
    }
    count += sum_of(counts);
    rest -= rounds * sizeof(Lanes);
  }
  for (; rest > 0; --rest, ++at) count += *at == delimiter ? 1 : 0;
  return count;
}

size_t whole_records_bytes(std::span<const uint8_t> bytes, uint8_t delimiter) {
  const void* last = memrchr(bytes.data(), delimiter, bytes.size());
  return last == nullptr
             ? 0
             : static_cast<size_t>(static_cast<const uint8_t*>(last) - bytes.data()) + 1;
}

}  // namespace weir::wire
