#include "wrapper/core/inbox.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "schema/base/check.h"
#include "schema/base/codec.h"

namespace weir::core {
namespace {

bool is_mark(const wire::BlockHeader& header) { return header.abandoned() || header.end(); }

char delimiter_of(wire::Shape shape) { return shape == wire::Shape::kNul ? '\0' : '\n'; }

// Takes the lengths out from between frames. Copies only where there are several. Each piece has
// its size afterwards, also if the payload has fewer frames than its header says.
void strip_lengths(Portion& portion) {
  const SharedBytes payload = portion.bytes;
  if (portion.pieces == 1) {
    const size_t length_bytes = std::min(payload.size, size_t{4});
    portion.bytes = payload.sub(length_bytes, payload.size - length_bytes);
    return;
  }
  std::string joined;
  joined.reserve(payload.size);
  size_t at = 0;
  for (uint32_t i = 0; i < portion.pieces; ++i) {
    uint32_t length = 0;
    if (at + 4 <= payload.size) {
      length = std::min(load_be<uint32_t>(payload.data + at),
                        static_cast<uint32_t>(payload.size - at - 4));
      joined.append(reinterpret_cast<const char*>(payload.data + at + 4), length);
      at += 4 + size_t{length};
    }
    portion.sizes.push_back(length);
  }
  portion.bytes = SharedBytes::copy_of(joined);
}

// A block's hashes may be right and what it says of its frames wrong all the same.
bool are_frames(const SharedBytes& payload, uint32_t pieces) {
  size_t at = 0;
  for (uint32_t i = 0; i < pieces; ++i) {
    if (at + 4 > payload.size) return false;
    at += size_t{4} + load_be<uint32_t>(payload.data + at);
  }
  return at == payload.size;
}

}  // namespace

bool is_one_record(const Portion& portion) {
  if (portion.pieces <= 1) return true;
  if (portion.framed || !portion.sizes.empty()) return false;
  if (portion.shape == wire::Shape::kFrames) return true;
  const void* found =
      std::memchr(portion.bytes.data, delimiter_of(portion.shape), portion.bytes.size);
  return found == nullptr || found == portion.bytes.data + portion.bytes.size - 1;
}

std::vector<Portion> split_records(const Portion& portion) {
  WEIR_CHECK(!portion.framed, "frames are not split while they have their lengths");
  if (is_one_record(portion)) return {portion};
  std::vector<Portion> records;
  size_t at = 0;
  for (uint32_t i = 0; i < portion.pieces; ++i) {
    size_t size = portion.bytes.size - at;
    if (!portion.sizes.empty()) {
      size = portion.sizes[i];
    } else if (const void* found =
                   std::memchr(portion.bytes.data + at, delimiter_of(portion.shape), size)) {
      size = static_cast<size_t>(static_cast<const uint8_t*>(found) - portion.bytes.data) + 1 - at;
    }
    Portion record;
    record.bytes = portion.bytes.sub(at, size);
    record.last = {portion.last.of, portion.last.seq - (portion.pieces - 1 - i)};
    record.pieces = 1;
    record.shape = portion.shape;
    record.open_end = portion.open_end && i + 1 == portion.pieces;
    records.push_back(std::move(record));
    at += size;
  }
  return records;
}

void Inbox::push(wire::Block block, uint32_t skip_pieces) {
  received_ = block.header.last_position();
  bytes_ += block.wire_bytes();
  const bool ends_record = !block.header.continued();
  Held held{std::move(block), 0, 0};
  for (; held.skip < skip_pieces; ++held.skip) held.offset += piece_bytes(held, held.offset);
  blocks_.push_back(std::move(held));
  if (ends_record) whole_blocks_ = blocks_.size();
}

void Inbox::clear() {
  blocks_.clear();
  bytes_ = 0;
  whole_blocks_ = 0;
}

void Inbox::rewind(const Position& keep) {
  while (!blocks_.empty()) {
    const wire::BlockHeader& last = blocks_.back().block.header;
    if (last.of == keep.of && last.last() <= keep.seq) break;
    bytes_ -= blocks_.back().block.wire_bytes();
    blocks_.pop_back();
  }
  received_ = keep;
  whole_blocks_ = 0;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (!blocks_[i].block.header.continued()) whole_blocks_ = i + 1;
  }
}

void Inbox::drop_front() {
  bytes_ -= blocks_.front().block.wire_bytes();
  blocks_.pop_front();
  if (whole_blocks_ > 0) --whole_blocks_;
}

// How many bytes of payload the piece at `offset` takes, its frame length included.
size_t Inbox::piece_bytes(const Held& held, size_t offset) const {
  const SharedBytes payload = held.block.payload();
  const size_t rest = payload.size - offset;
  if (held.block.header.shape == wire::Shape::kFrames) {
    if (rest < 4) return rest;
    return std::min(rest, size_t{4} + load_be<uint32_t>(payload.data + offset));
  }
  const void* found =
      std::memchr(payload.data + offset, delimiter_of(held.block.header.shape), rest);
  if (found == nullptr) return rest;
  return static_cast<size_t>(static_cast<const uint8_t*>(found) - payload.data) + 1 - offset;
}

size_t Inbox::front_pieces_bytes() const {
  if (!front_is_continued()) return 0;
  size_t bytes = 0;
  for (const Held& held : blocks_) {
    const wire::BlockHeader& header = held.block.header;
    if (is_mark(header)) break;
    const size_t piece = piece_bytes(held, held.offset);
    if (header.shape == wire::Shape::kFrames) {
      bytes += piece - std::min(piece, size_t{4});
    } else {
      const bool ended = piece > 0 && held.block.payload().data[held.offset + piece - 1] ==
                                          static_cast<uint8_t>(delimiter_of(header.shape));
      bytes += piece - (ended ? 1 : 0);
    }
    if (!header.continued()) break;
  }
  return bytes;
}

// Takes `pieces` pieces that are `raw_bytes` of payload; drops the block when it is used up.
Portion Inbox::cut(Held& held, uint32_t pieces, size_t raw_bytes, FrameLengths lengths) {
  const wire::BlockHeader& header = held.block.header;
  Portion portion;
  held.skip += pieces;
  portion.pieces = pieces;
  portion.last = {header.of, header.first + held.skip - 1};
  portion.abandoned = header.abandoned();
  portion.end = header.end();
  portion.ends_record = !header.continued();
  portion.shape = header.shape;
  if (!is_mark(header)) {
    portion.bytes = held.block.payload().sub(held.offset, raw_bytes);
    if (header.shape == wire::Shape::kFrames) {
      portion.framed = lengths == FrameLengths::kKept && are_frames(portion.bytes, pieces);
      if (!portion.framed) strip_lengths(portion);
    } else {
      portion.open_end =
          portion.ends_record && !portion.bytes.view().ends_with(delimiter_of(header.shape));
    }
  }
  held.offset += raw_bytes;
  if (held.skip == header.pieces) drop_front();
  return portion;
}

std::optional<Portion> Inbox::take_block() {
  if (blocks_.empty()) return std::nullopt;
  Held& held = blocks_.front();
  return cut(held, held.block.header.pieces - held.skip,
             held.block.header.payload_bytes - held.offset);
}

std::optional<Portion> Inbox::take_upto(const Position& last) {
  if (blocks_.empty()) return std::nullopt;
  Held& held = blocks_.front();
  const wire::BlockHeader& header = held.block.header;
  const uint64_t next = header.first + held.skip;
  if (!(header.of == last.of) || header.last() <= last.seq) return take_block();
  if (next > last.seq) return std::nullopt;
  const uint32_t pieces = static_cast<uint32_t>(last.seq - next + 1);
  size_t raw_bytes = 0;
  for (uint32_t i = 0; i < pieces; ++i) raw_bytes += piece_bytes(held, held.offset + raw_bytes);
  return cut(held, pieces, raw_bytes);
}

// Of the first record, or all that is left of its block if that has no more of it.
Portion Inbox::take_first_piece() {
  Held& held = blocks_.front();
  const wire::BlockHeader& header = held.block.header;
  if (header.continued() || is_mark(header)) return *take_block();
  return cut(held, 1, piece_bytes(held, held.offset));
}

std::optional<Portion> Inbox::take_pieces(std::vector<SharedBytes>& pieces) {
  pieces.clear();
  if (whole_blocks_ == 0) return std::nullopt;
  while (true) {
    const bool last = !front_is_continued();
    Portion piece = take_first_piece();
    if (piece.abandoned || piece.end) {
      pieces.clear();
      return piece;
    }
    pieces.push_back(std::exchange(piece.bytes, {}));
    if (last) return piece;
  }
}

std::optional<Portion> Inbox::take_record() {
  if (whole_blocks_ == 0) return std::nullopt;
  if (!front_is_continued()) return take_first_piece();
  // A record in pieces: joined, where each goes as soon as it is copied. An abandoned one leaves
  // only its mark.
  size_t room = 0;
  for (const Held& each : blocks_) {
    room += each.block.header.payload_bytes;
    if (!each.block.header.continued()) break;
  }
  const std::shared_ptr<uint8_t[]> joined(new uint8_t[room]);
  size_t size = 0;
  while (true) {
    const bool last = !front_is_continued();
    Portion piece = take_first_piece();
    if (piece.abandoned || piece.end) return piece;
    WEIR_CHECK(size + piece.bytes.size <= room, "a record is longer than its pieces");
    std::memcpy(joined.get() + size, piece.bytes.data, piece.bytes.size);
    size += piece.bytes.size;
    if (last) {
      piece.bytes = SharedBytes{joined, joined.get(), size};
      return piece;
    }
  }
}

std::optional<Portion> Inbox::take_records(uint64_t records, uint64_t bytes, FrameLengths lengths) {
  if (whole_blocks_ == 0) return std::nullopt;
  Held& held = blocks_.front();
  const wire::BlockHeader& header = held.block.header;
  if (header.continued() || is_mark(header)) return take_record();
  const uint32_t left = header.pieces - held.skip;
  const size_t left_bytes = header.payload_bytes - held.offset;
  if (left <= records && left_bytes <= bytes) return cut(held, left, left_bytes, lengths);
  uint32_t pieces = 0;
  size_t raw_bytes = 0;
  while (pieces < left && pieces < records) {
    const size_t next = piece_bytes(held, held.offset + raw_bytes);
    if (pieces > 0 && raw_bytes + next > bytes) break;
    raw_bytes += next;
    ++pieces;
  }
  return cut(held, pieces, raw_bytes, lengths);
}

}  // namespace weir::core
