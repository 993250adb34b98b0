#include "wrapper/core/packer.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "schema/base/codec.h"

namespace weir::core {
namespace {

using wire::kBlockHeaderBytes;
using wire::kBlockPayloadBytesMax;

constexpr size_t kUsualBytes = BlockBuilder::kUsualPayloadBytes;
constexpr size_t kIdleBuffers = 8;

}  // namespace

void FrameParser::added(std::span<const uint8_t> bytes) { rest_ = bytes; }

Result<std::optional<FrameParser::Part>> FrameParser::next() {
  if (!in_frame_) {
    const size_t missing = std::min(length_.size() - length_bytes_, rest_.size());
    std::copy_n(rest_.begin(), missing, length_.begin() + static_cast<ptrdiff_t>(length_bytes_));
    length_bytes_ += missing;
    rest_ = rest_.subspan(missing);
    if (length_bytes_ < length_.size()) return std::optional<Part>();
    const uint32_t length = load_be<uint32_t>(length_.data());
    // A length is looked at as soon as it is there, so that a wrong one is never waited for.
    if (length > kFrameBytesMax) {
      return Error{ErrorCode::kLimit, "wrote a frame of " + std::to_string(length) +
                                          " bytes; the limit is " + std::to_string(kFrameBytesMax)};
    }
    length_bytes_ = 0;
    left_ = length;
    in_frame_ = true;
  }
  const size_t count = std::min(left_, rest_.size());
  if (count == 0 && left_ > 0) return std::optional<Part>();
  left_ -= count;
  in_frame_ = left_ > 0;
  const Part part{{reinterpret_cast<const char*>(rest_.data()), count}, !in_frame_};
  rest_ = rest_.subspan(count);
  return std::optional<Part>(part);
}

void FrameParser::clear() {
  rest_ = {};
  length_bytes_ = left_ = 0;
  in_frame_ = false;
}

RecordPacker::RecordPacker(wire::Shape shape)
    : shape_(shape),
      prefix_(shape == wire::Shape::kFrames ? wire::kFrameLengthBytes : 0),
      pool_(kBlockHeaderBytes + kUsualBytes, kIdleBuffers) {}

void RecordPacker::Filling::append(std::string_view bytes) {
  std::memcpy(buffer.get() + kBlockHeaderBytes + used, bytes.data(), bytes.size());
  used += bytes.size();
}

RecordPacker::Filling RecordPacker::usual() { return {pool_.take(), kUsualBytes, 0}; }

RecordPacker::Filling RecordPacker::large(size_t payload_bytes) {
  return {std::shared_ptr<uint8_t[]>(new uint8_t[kBlockHeaderBytes + payload_bytes]), payload_bytes,
          0};
}

void RecordPacker::put(std::string_view record, Filling& payload) const {
  if (prefix_ > 0) {
    store_be(payload.buffer.get() + kBlockHeaderBytes + payload.used,
             static_cast<uint32_t>(record.size()));
    payload.used += prefix_;
  }
  payload.append(record);
}

void RecordPacker::add(std::string_view record) {
  const size_t bytes = prefix_ + record.size();
  if (bytes > kBlockPayloadBytesMax) return add_part(record, true);
  if (payload_.used + bytes > kUsualBytes) close();
  if (bytes > kUsualBytes) {
    Filling alone = large(bytes);
    put(record, alone);
    cuts_.push_back(cut(alone, 1, false));
    return;
  }
  if (!payload_.buffer) payload_ = usual();
  put(record, payload_);
  ++pieces_;
}

void RecordPacker::add_part(std::string_view part, bool last) {
  if (last && part_bytes_ == 0 && prefix_ + part.size() <= kBlockPayloadBytesMax) {
    if (!part.empty()) add(part);
    return;
  }
  collect(part);
  if (!last) return;
  if (part_cuts_.empty() && part_.used <= kUsualBytes) {
    add({reinterpret_cast<const char*>(part_.buffer.get()) + kBlockHeaderBytes + prefix_,
         part_.used - prefix_});
  } else {
    close();
    std::move(part_cuts_.begin(), part_cuts_.end(), std::back_inserter(cuts_));
    cuts_.push_back(finish_piece(false));
  }
  drop_part();
}

// Something stays, so that the record's last piece is never empty.
void RecordPacker::collect(std::string_view part) {
  part_bytes_ += part.size();
  while (!part.empty()) {
    if (part_.used == kBlockPayloadBytesMax) part_cuts_.push_back(finish_piece(true));
    make_room(part.size());
    const size_t count = std::min(part.size(), part_.capacity - part_.used);
    part_.append(part.substr(0, count));
    part.remove_prefix(count);
  }
}

// In the piece under way: a usual buffer first, the largest for what does not fit it.
void RecordPacker::make_room(size_t bytes) {
  if (part_.buffer && part_.used + bytes <= part_.capacity) return;
  if (part_.capacity == kBlockPayloadBytesMax) return;
  const size_t used = std::max(part_.used, prefix_);
  const bool small = part_cuts_.empty() && used + bytes <= kUsualBytes;
  Filling larger = small ? usual() : large(kBlockPayloadBytesMax);
  if (part_.used > 0) {
    std::memcpy(larger.buffer.get() + kBlockHeaderBytes, part_.buffer.get() + kBlockHeaderBytes,
                part_.used);
  }
  larger.used = used;
  part_ = std::move(larger);
}

Cut RecordPacker::finish_piece(bool continued) {
  if (prefix_ > 0) {
    store_be(part_.buffer.get() + kBlockHeaderBytes, static_cast<uint32_t>(part_.used - prefix_));
  }
  return cut(part_, 1, continued);
}

void RecordPacker::drop_part() {
  part_cuts_.clear();
  part_ = {};
  part_bytes_ = 0;
}

Cut RecordPacker::cut(Filling& payload, uint32_t pieces, bool continued) {
  Cut cut;
  cut.payload_bytes = static_cast<uint32_t>(payload.used);
  cut.pieces = pieces;
  cut.records = continued ? 0 : pieces;
  cut.continued = continued;
  if (payload.used * 4 < payload.capacity) {
    Filling exact = large(payload.used);
    std::memcpy(exact.buffer.get() + kBlockHeaderBytes, payload.buffer.get() + kBlockHeaderBytes,
                payload.used);
    cut.buffer = std::move(exact.buffer);
    payload.used = 0;
  } else {
    cut.buffer = std::move(payload.buffer);
    payload = {};
  }
  return cut;
}

void RecordPacker::close() {
  if (payload_.empty()) return;
  cuts_.push_back(cut(payload_, pieces_, false));
  pieces_ = 0;
}

std::vector<Cut> RecordPacker::take() {
  close();
  return std::exchange(cuts_, {});
}

void RecordPacker::clear() {
  payload_.used = 0;
  pieces_ = 0;
  cuts_.clear();
  drop_part();
}

}  // namespace weir::core
