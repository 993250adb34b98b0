#include "wrapper/core/builder.h"

#include <algorithm>
#include <cstring>

#include "schema/base/check.h"

namespace weir::core {

using wire::kBlockHeaderBytes;
using wire::kBlockPayloadBytesMax;

BlockBuilder::BlockBuilder(std::shared_ptr<BufferPool> pool, wire::Shape shape)
    : pool_(std::move(pool)), shape_(shape) {
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

std::string_view BlockBuilder::gathered() const {
  return {reinterpret_cast<const char*>(buffer_.get()) + kBlockHeaderBytes, used_};
}

std::optional<Cut> BlockBuilder::cut() {
  if (used_ == 0) return std::nullopt;
  const auto cutting = wire::whole_records(gathered(), shape_, kBlockPayloadBytesMax);
  if (!cutting) return std::nullopt;
  return take(*cutting);
}

std::optional<Cut> BlockBuilder::cut_rest() {
  if (used_ == 0) return std::nullopt;
  return take(wire::all_records(gathered(), shape_));
}

Cut BlockBuilder::take(const wire::Cutting& cutting) {
  const uint8_t* at = buffer_.get() + kBlockHeaderBytes;
  const size_t bytes = cutting.bytes;
  Cut cut;
  cut.payload_bytes = static_cast<uint32_t>(bytes);
  cut.pieces = cutting.pieces;
  cut.records = cutting.continued ? 0 : cutting.pieces;
  cut.continued = mid_record_ = cutting.continued;

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
    next_capacity = rest < kUsualPayloadBytes ? kUsualPayloadBytes : kBlockPayloadBytesMax;
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

}  // namespace weir::core
