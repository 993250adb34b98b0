#include "schema/wire/source_protocol.h"

#include <algorithm>
#include <cstring>

#include "schema/base/codec.h"

namespace weir::wire {
namespace {

constexpr size_t kUsualBytes = 256u << 10;
// Less room than this and what is there moves to the front.
constexpr size_t kRoomMin = 64u << 10;

Error too_large(const char* what, size_t bytes, size_t limit) {
  return Error{ErrorCode::kLimit, "wrote a message with " + std::to_string(bytes) + " bytes of " +
                                      what + "; the limit is " + std::to_string(limit)};
}

}  // namespace

std::array<uint8_t, kSourceHeaderBytes> source_header(const SourceMessage& message) {
  std::array<uint8_t, kSourceHeaderBytes> header{};
  store_be(header.data(), static_cast<uint32_t>(message.kind));
  store_be(header.data() + 4, static_cast<uint32_t>(message.position.size()));
  store_be(header.data() + 8, static_cast<uint32_t>(message.data.size()));
  return header;
}

std::string encode(const SourceMessage& message) {
  const auto header = source_header(message);
  std::string bytes(header.begin(), header.end());
  return bytes.append(message.position).append(message.data);
}

std::span<uint8_t> SourceParser::space() {
  if (begin_ == end_) clear();
  const size_t wanted = std::max(wanted_, kUsualBytes);
  const bool fits = begin_ + wanted_ <= buffer_.size() && buffer_.size() - end_ >= kRoomMin;
  if (begin_ > 0 && !fits) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  if (buffer_.size() == end_) buffer_.resize(end_ + kRoomMin);
  return std::span(buffer_).subspan(end_);
}

void SourceParser::added(size_t bytes) { end_ += bytes; }

Result<std::optional<SourceMessage>> SourceParser::next() {
  wanted_ = 0;
  const size_t there = end_ - begin_;
  if (there < kSourceHeaderBytes) return std::optional<SourceMessage>();
  const uint8_t* const at = buffer_.data() + begin_;
  const size_t position_bytes = load_be<uint32_t>(at + 4);
  const size_t data_bytes = load_be<uint32_t>(at + 8);
  // Sizes are looked at as soon as they are there, so that a wrong one is never waited for.
  if (position_bytes > kPositionTokenBytesMax) {
    return too_large("position", position_bytes, kPositionTokenBytesMax);
  }
  if (data_bytes > kSourceDataBytesMax) {
    return too_large("records", data_bytes, kSourceDataBytesMax);
  }
  const size_t bytes = kSourceHeaderBytes + position_bytes + data_bytes;
  if (there < bytes) {
    wanted_ = bytes;
    return std::optional<SourceMessage>();
  }
  const auto* const text = reinterpret_cast<const char*>(at) + kSourceHeaderBytes;
  begin_ += bytes;
  return std::optional(SourceMessage{static_cast<SourceKind>(load_be<uint32_t>(at)),
                                     {text, position_bytes},
                                     {text + position_bytes, data_bytes}});
}

}  // namespace weir::wire
