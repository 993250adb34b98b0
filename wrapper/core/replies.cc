#include "wrapper/core/replies.h"

#include <array>
#include <bit>

#include "schema/base/codec.h"
#include "wrapper/core/dead_letters.h"
#include "wrapper/core/runner.h"

namespace weir::core {
namespace {

constexpr size_t kScratchBytes = 256u << 10;
constexpr std::string_view kNotAsked = "wrote a reply that nothing asked for";

std::array<char, 4> length_bytes(size_t size) {
  std::array<uint8_t, 4> bytes;
  store_be(bytes.data(), static_cast<uint32_t>(size));
  return std::bit_cast<std::array<char, 4>>(bytes);
}

std::vector<SharedBytes> encode_frames(const Portion& portion) {
  if (portion.framed) return {portion.bytes};
  if (is_one_record(portion)) return {frame_length(portion.bytes.size), portion.bytes};
  std::string out;
  out.reserve(portion.bytes.size + size_t{4} * portion.pieces);
  for (const Portion& record : split_records(portion)) {
    const std::array<char, 4> length = length_bytes(record.bytes.size);
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
  return SharedBytes::copy_of(length_bytes(bytes).data(), 4);
}

std::vector<SharedBytes> encode_input(const Portion& portion, bool frames, char delimiter) {
  return frames ? encode_frames(portion) : encode_lines(portion, delimiter);
}

ReplyReader::ReplyReader(const graph::NodeSpec& spec)
    : frames_(spec.protocol == graph::Protocol::kFrames),
      delimiter_(spec.delimiter),
      packer_(output_shape(spec)) {}

std::span<uint8_t> ReplyReader::space() {
  scratch_.resize(kScratchBytes);
  return {reinterpret_cast<uint8_t*>(scratch_.data()), scratch_.size()};
}

ReplyReader::Got ReplyReader::added(size_t bytes, uint64_t asked) {
  const std::string_view got(scratch_.data(), bytes);
  return frames_ ? take_frames(got, asked) : take_lines(got, asked);
}

bool ReplyReader::empty() const { return parser_.empty() && packer_.part_bytes() == 0; }

void ReplyReader::clear() {
  parser_.clear();
  packer_.clear();
}

// A lone delimiter is no output.
ReplyReader::Got ReplyReader::take_lines(std::string_view got, uint64_t asked) {
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
    if (whole && packer_.part_bytes() + part.size() == 1) part = {};
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
