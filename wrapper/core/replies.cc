#include "wrapper/core/replies.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "schema/base/codec.h"
#include "wrapper/core/dead_letters.h"
#include "wrapper/core/runner.h"

namespace weir::core {
namespace {

constexpr size_t kScratchBytes = 256u << 10;
constexpr std::string_view kNotAsked = "wrote a reply that nothing asked for";

std::array<char, wire::kFrameLengthBytes> length_bytes(size_t size) {
  std::array<uint8_t, wire::kFrameLengthBytes> bytes;
  store_be(bytes.data(), static_cast<uint32_t>(size));
  return std::bit_cast<std::array<char, wire::kFrameLengthBytes>>(bytes);
}

std::vector<SharedBytes> encode_frames(const Portion& portion) {
  if (portion.framed) return {portion.bytes};
  if (is_one_record(portion)) return {frame_length(portion.bytes.size), portion.bytes};
  std::string out;
  out.reserve(portion.bytes.size + wire::kFrameLengthBytes * portion.pieces);
  for (const Portion& record : split_records(portion)) {
    const auto length = length_bytes(record.bytes.size);
    out.append(length.data(), length.size()).append(record.bytes.view());
  }
  return {SharedBytes::copy_of(out)};
}

std::vector<SharedBytes> encode_lines(const Portion& portion, char delimiter) {
  const bool ended = portion.bytes.view().ends_with(delimiter);
  const bool plain = portion.shape != wire::Shape::kFrames && !portion.open_end && ended;
  if (plain || (ended && is_one_record(portion))) return {portion.bytes};
  if (is_one_record(portion)) return {portion.bytes, SharedBytes::copy_of(&delimiter, 1)};
  std::string out;
  out.reserve(portion.bytes.size + portion.pieces);
  for (const Portion& record : split_records(portion)) {
    out.append(record.bytes.view());
    if (!record.bytes.view().ends_with(delimiter)) out.push_back(delimiter);
  }
  return {SharedBytes::copy_of(out)};
}

}  // namespace

SharedBytes frame_length(size_t bytes) {
  return SharedBytes::copy_of(length_bytes(bytes).data(), wire::kFrameLengthBytes);
}

std::vector<SharedBytes> encode_input(const Portion& portion, bool frames, char delimiter) {
  return frames ? encode_frames(portion) : encode_lines(portion, delimiter);
}

void EmptyInputs::asked(const Portion& portion, char delimiter) {
  const uint64_t first = std::exchange(asked_, asked_ + portion.pieces);
  const std::string_view bytes = portion.bytes.view();
  if (!portion.sizes.empty()) {
    size_t at = 0;
    for (uint32_t i = 0; i < portion.pieces; ++i) {
      const size_t size = portion.sizes[i];
      if (size == 0 || (size == 1 && bytes[at] == delimiter)) empty_.push_back(first + i);
      at += size;
    }
    return;
  }
  if (portion.shape == wire::Shape::kFrames) {  // A single one.
    if (bytes.empty() || (bytes.size() == 1 && bytes[0] == delimiter)) empty_.push_back(first);
    return;
  }
  const std::array<char, 2> twice{delimiter, delimiter};
  const std::string_view pair(twice.data(), twice.size());
  if (!bytes.starts_with(delimiter) && bytes.find(pair) == std::string_view::npos) return;
  uint64_t number = first;
  for (size_t at = 0; at < bytes.size(); ++number) {
    const size_t end = std::min(bytes.find(delimiter, at), bytes.size() - 1);
    if (end == at && bytes[at] == delimiter) empty_.push_back(number);
    at = end + 1;
  }
}

bool EmptyInputs::is_empty(uint64_t ahead) {
  const uint64_t number = answered_ + ahead;
  while (!empty_.empty() && empty_.front() < number) empty_.pop_front();
  return !empty_.empty() && empty_.front() == number;
}

void EmptyInputs::clear() {
  asked_ = answered_ = 0;
  empty_.clear();
}

ReplyReader::ReplyReader(const graph::NodeSpec& spec)
    : frames_(spec.protocol == graph::Protocol::kFrames),
      delimiter_(spec.delimiter),
      packer_(output_shape(spec)) {}

std::span<uint8_t> ReplyReader::space() {
  scratch_.resize(kScratchBytes);
  return {reinterpret_cast<uint8_t*>(scratch_.data()), scratch_.size()};
}

ReplyReader::Got ReplyReader::added(size_t bytes, uint64_t asked, EmptyInputs& empty) {
  const std::string_view got(scratch_.data(), bytes);
  return frames_ ? take_frames(got, asked) : take_lines(got, asked, empty);
}

bool ReplyReader::empty() const { return parser_.empty() && packer_.part_bytes() == 0; }

void ReplyReader::clear() {
  parser_.clear();
  packer_.clear();
}

// A lone delimiter is no output, unless the record that it answers is empty too.
ReplyReader::Got ReplyReader::take_lines(std::string_view got, uint64_t asked, EmptyInputs& empty) {
  Got result;
  while (!got.empty()) {
    const size_t end = got.find(delimiter_);
    const bool whole = end != std::string_view::npos;
    std::string_view part = got.substr(0, whole ? end + 1 : got.size());
    got.remove_prefix(part.size());
    if (packer_.part_bytes() + part.size() - (whole ? 1 : 0) > kRecordBytesMax) {
      result.broken = "a reply is over 100 MiB";
      return result;
    }
    if (whole && result.replies == asked) {
      result.broken = kNotAsked;
      return result;
    }
    const bool is_empty = whole && packer_.part_bytes() + part.size() == 1;
    if (is_empty && !empty.is_empty(result.replies)) part = {};
    packer_.add_part(part, whole);
    if (whole) ++result.replies;
  }
  return result;
}

ReplyReader::Got ReplyReader::take_frames(std::string_view got, uint64_t asked) {
  Got result;
  parser_.added({reinterpret_cast<const uint8_t*>(got.data()), got.size()});
  while (true) {
    const Result<std::optional<FrameParser::Part>> part = parser_.next();
    if (!part) {
      result.broken = part.error().what;
      return result;
    }
    if (!part->has_value()) return result;
    if ((*part)->last && result.replies == asked) {
      result.broken = kNotAsked;
      return result;
    }
    packer_.add_part((*part)->bytes, (*part)->last);
    if ((*part)->last) ++result.replies;
  }
}

}  // namespace weir::core
