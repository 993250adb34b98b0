#include "wrapper/core/builder.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "schema/base/check.h"
#include "schema/base/codec.h"

namespace weir::core {

using wire::kBlockHeaderBytes;
using wire::kBlockPayloadBytesMax;

BlockBuilder::BlockBuilder(std::shared_ptr<BufferPool> pool, wire::Shape shape)
    : pool_(std::move(pool)), shape_(shape), delimiter_(shape == wire::Shape::kNul ? '\0' : '\n') {
  WEIR_CHECK(shape != wire::Shape::kFrames, "frames are packed, not cut");
  WEIR_CHECK(pool_->buffer_bytes() == kBlockHeaderBytes + kUsualPayloadBytes, "the pool's size");
}

std::span<uint8_t> BlockBuilder::space() {
  if (!buffer_) {
    buffer_ = pool_->take();
    capacity_ = kUsualPayloadBytes;
  }
  if (used_ == capacity_ && capacity_ < kBlockPayloadBytesMax) grow(kBlockPayloadBytesMax);
  return {buffer_.get() + kBlockHeaderBytes + used_, capacity_ - used_};
}

void BlockBuilder::grow(size_t payload_bytes) {
  std::shared_ptr<uint8_t[]> larger(new uint8_t[kBlockHeaderBytes + payload_bytes]);
  std::memcpy(larger.get() + kBlockHeaderBytes, buffer_.get() + kBlockHeaderBytes, used_);
  buffer_ = std::move(larger);
  capacity_ = payload_bytes;
}

void BlockBuilder::added(size_t bytes) {
  WEIR_CHECK(used_ + bytes <= capacity_, "more was read than there was room for");
  used_ += bytes;
}

void BlockBuilder::append(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const std::span<uint8_t> room = space();
    WEIR_CHECK(!room.empty(), "cut() before more is appended");
    const size_t count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    used_ += count;
    bytes = bytes.subspan(count);
  }
}

std::optional<Cut> BlockBuilder::cut() {
  if (used_ == 0) return std::nullopt;
  const std::span<const uint8_t> there{buffer_.get() + kBlockHeaderBytes, used_};
  const size_t whole = wire::whole_records_bytes(there, delimiter_);
  if (whole > 0) return take(whole, 0, kUsualPayloadBytes);
  if (used_ < kBlockPayloadBytesMax) return std::nullopt;
  // One byte stays, so that the record's last piece is never empty, however it ends.
  return take(used_ - 1, wire::kContinued, kUsualPayloadBytes);
}

std::optional<Cut> BlockBuilder::cut_rest() {
  if (used_ == 0) return std::nullopt;
  return take(used_, 0, kUsualPayloadBytes);
}

std::optional<Cut> BlockBuilder::take(size_t bytes, uint8_t flags, size_t room_for_rest) {
  const uint8_t* at = buffer_.get() + kBlockHeaderBytes;
  const size_t ended = wire::count_delimiters({at, bytes}, delimiter_);
  const bool open_end = at[bytes - 1] != delimiter_;
  Cut cut;
  cut.payload_bytes = static_cast<uint32_t>(bytes);
  cut.pieces = static_cast<uint32_t>(ended + (open_end ? 1 : 0));
  cut.records = flags == wire::kContinued ? 0 : cut.pieces;
  cut.flags = flags;
  mid_record_ = flags == wire::kContinued;

  const size_t rest = used_ - bytes;
  if (bytes * 4 < capacity_ && rest == 0) {
    // A small block does not keep a large buffer.
    cut.buffer.reset(new uint8_t[kBlockHeaderBytes + bytes]);
    std::memcpy(cut.buffer.get() + kBlockHeaderBytes, at, bytes);
    used_ = 0;
    return cut;
  }
  std::shared_ptr<uint8_t[]> next;
  size_t next_capacity = 0;
  if (rest > 0) {
    next_capacity = rest < room_for_rest ? room_for_rest : kBlockPayloadBytesMax;
    next = next_capacity == kUsualPayloadBytes
               ? pool_->take()
               : std::shared_ptr<uint8_t[]>(new uint8_t[kBlockHeaderBytes + next_capacity]);
    std::memcpy(next.get() + kBlockHeaderBytes, at + bytes, rest);
  }
  cut.buffer = std::move(buffer_);
  buffer_ = std::move(next);
  capacity_ = next_capacity;
  used_ = rest;
  return cut;
}

size_t BlockBuilder::drop() {
  mid_record_ = false;
  return std::exchange(used_, 0);
}

void FrameParser::added(std::span<const uint8_t> bytes) {
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<std::optional<FrameParser::Part>> FrameParser::next() {
  if (!in_frame_) {
    if (buffer_.size() - at_ < 4) return std::optional<Part>();
    const uint32_t length = load_be<uint32_t>(reinterpret_cast<const uint8_t*>(&buffer_[at_]));
    // A length is looked at as soon as it is there, so that a wrong one is never waited for.
    if (length > kFrameBytesMax) {
      return Error{ErrorCode::kLimit, "wrote a frame of " + std::to_string(length) +
                                          " bytes; the limit is " + std::to_string(kFrameBytesMax)};
    }
    at_ += 4;
    left_ = length;
    in_frame_ = true;
  }
  const size_t count = std::min(left_, buffer_.size() - at_);
  if (count == 0 && left_ > 0) return std::optional<Part>();
  const Part part{std::string_view(buffer_).substr(at_, count), count == left_};
  at_ += count;
  left_ -= count;
  in_frame_ = !part.last;
  return std::optional<Part>(part);
}

void FrameParser::clear() {
  buffer_.clear();
  at_ = left_ = 0;
  in_frame_ = false;
}

size_t RecordPacker::piece_bytes_max() const {
  return kBlockPayloadBytesMax - (shape_ == wire::Shape::kFrames ? 4 : 0);
}

void RecordPacker::put(std::string_view piece, std::string& payload) const {
  if (shape_ == wire::Shape::kFrames) {
    uint8_t length[4];
    store_be(length, static_cast<uint32_t>(piece.size()));
    payload.append(reinterpret_cast<const char*>(length), 4);
  }
  payload.append(piece);
}

void RecordPacker::add(std::string_view record) {
  if (record.size() > piece_bytes_max()) {
    add_part(record);
    return end_record();
  }
  const size_t prefix = shape_ == wire::Shape::kFrames ? 4 : 0;
  if (!payload_.empty() &&
      payload_.size() + prefix + record.size() > BlockBuilder::kUsualPayloadBytes) {
    close();
  }
  put(record, payload_);
  ++pieces_;
}

void RecordPacker::add_part(std::string_view part) {
  part_bytes_ += part.size();
  // Something stays, so that the record's last piece is never empty.
  while (part_.size() + part.size() > piece_bytes_max()) {
    const size_t count = piece_bytes_max() - part_.size();
    part_.append(part.substr(0, count));
    part.remove_prefix(count);
    std::string payload;
    payload.reserve(part_.size() + 4);
    put(part_, payload);
    part_cuts_.push_back(make_cut(payload, 1, wire::kContinued));
    part_.clear();
  }
  part_.append(part);
}

void RecordPacker::end_record() {
  if (!part_cuts_.empty()) {
    if (!payload_.empty()) close();
    std::move(part_cuts_.begin(), part_cuts_.end(), std::back_inserter(cuts_));
    part_cuts_.clear();
  }
  add(part_);
  drop_part();
}

void RecordPacker::drop_part() {
  part_cuts_.clear();
  part_.clear();
  part_bytes_ = 0;
}

Cut RecordPacker::make_cut(std::string_view payload, uint32_t pieces, uint8_t flags) {
  Cut cut;
  cut.buffer.reset(new uint8_t[kBlockHeaderBytes + payload.size()]);
  std::memcpy(cut.buffer.get() + kBlockHeaderBytes, payload.data(), payload.size());
  cut.payload_bytes = static_cast<uint32_t>(payload.size());
  cut.pieces = pieces;
  cut.records = flags == wire::kContinued ? 0 : pieces;
  cut.flags = flags;
  return cut;
}

void RecordPacker::close() {
  cuts_.push_back(make_cut(payload_, pieces_, 0));
  payload_.clear();
  pieces_ = 0;
}

std::vector<Cut> RecordPacker::take() {
  if (!payload_.empty()) close();
  return std::exchange(cuts_, {});
}

void RecordPacker::clear() {
  payload_.clear();
  pieces_ = 0;
  cuts_.clear();
  drop_part();
}

}  // namespace weir::core
