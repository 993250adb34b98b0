#include "wrapper/core/inbox.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "schema/base/check.h"

namespace weir::core {

bool is_one_record(const Portion& portion) {
  if (portion.pieces <= 1) return true;
  if (portion.framed || !portion.sizes.empty()) return false;
  if (portion.shape == wire::Shape::kFrames) return true;
  wire::PieceCursor cursor(portion.bytes.view(), portion.shape);
  cursor.skip(1);
  return cursor.done();
}

std::vector<Portion> split_records(const Portion& portion) {
  WEIR_CHECK(!portion.framed, "frames are not split while they have their lengths");
  if (is_one_record(portion)) return {portion};
  std::vector<Portion> records;
  size_t at = 0;
  for (uint32_t i = 0; i < portion.pieces; ++i) {
    const size_t size = portion.sizes.empty()
                            ? wire::PieceCursor(portion.bytes.view(), portion.shape, at).size()
                            : portion.sizes[i];
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
  const bool ends_record = !block.header.continued;
  Held held{std::move(block), skip_pieces, 0};
  if (skip_pieces > 0) {
    wire::PieceCursor cursor = held.pieces();
    cursor.skip(skip_pieces);
    held.offset = cursor.offset();
  }
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
    if (!blocks_[i].block.header.continued) whole_blocks_ = i + 1;
  }
}

void Inbox::drop_front() {
  bytes_ -= blocks_.front().block.wire_bytes();
  blocks_.pop_front();
  if (whole_blocks_ > 0) --whole_blocks_;
}

size_t Inbox::front_pieces_bytes() const {
  if (!front_is_continued()) return 0;
  size_t bytes = 0;
  for (const Held& held : blocks_) {
    const wire::BlockHeader& header = held.block.header;
    if (header.mark) break;
    bytes += wire::content_bytes(held.pieces().take_raw(), header.shape);
    if (!header.continued) break;
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
  portion.mark = header.mark;
  portion.ends_record = !header.continued;
  portion.shape = header.shape;
  if (!header.mark) {
    const SharedBytes raw = held.block.payload().sub(held.offset, raw_bytes);
    portion.framed = header.shape == wire::Shape::kFrames && lengths == FrameLengths::kKept &&
                     wire::are_whole_frames(raw.view(), pieces);
    portion.bytes = portion.framed ? raw : wire::as_read(raw, header.shape, pieces, &portion.sizes);
    portion.open_end =
        portion.ends_record && wire::lacks_delimiter(portion.bytes.view(), header.shape);
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
  wire::PieceCursor cursor = held.pieces();
  cursor.skip(pieces);
  return cut(held, pieces, cursor.offset() - held.offset);
}

// Of the first record, or all that is left of its block if that has no more of it.
Portion Inbox::take_first_piece() {
  Held& held = blocks_.front();
  const wire::BlockHeader& header = held.block.header;
  if (header.continued || header.mark) return *take_block();
  return cut(held, 1, held.pieces().size());
}

std::optional<Portion> Inbox::take_pieces(std::vector<SharedBytes>& pieces) {
  pieces.clear();
  if (whole_blocks_ == 0) return std::nullopt;
  while (true) {
    const bool last = !front_is_continued();
    Portion piece = take_first_piece();
    if (piece.mark) {
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
    if (!each.block.header.continued) break;
  }
  const std::shared_ptr<uint8_t[]> joined(new uint8_t[room]);
  size_t size = 0;
  while (true) {
    const bool last = !front_is_continued();
    Portion piece = take_first_piece();
    if (piece.mark) return piece;
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
  if (header.continued || header.mark) return take_record();
  const uint32_t left = header.pieces - held.skip;
  const size_t left_bytes = header.payload_bytes - held.offset;
  if (left <= records && left_bytes <= bytes) return cut(held, left, left_bytes, lengths);
  uint32_t pieces = 0;
  wire::PieceCursor cursor = held.pieces();
  while (pieces < left && pieces < records) {
    wire::PieceCursor behind = cursor;
    behind.skip(1);
    if (pieces > 0 && behind.offset() - held.offset > bytes) break;
    cursor = behind;
    ++pieces;
  }
  return cut(held, pieces, cursor.offset() - held.offset, lengths);
}

}  // namespace weir::core
