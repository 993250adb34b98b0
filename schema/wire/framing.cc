#include "schema/wire/framing.h"

#include <string>

namespace weir::wire {
namespace {

const uint8_t* data_of(std::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
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

std::string_view PieceCursor::take_raw() {
  const std::string_view piece = payload_.substr(offset_, size());
  offset_ += piece.size();
  return piece;
}

std::string_view PieceCursor::take() {
  std::string_view piece = take_raw();
  if (shape_ == Shape::kFrames) piece.remove_prefix(std::min(piece.size(), kFrameLengthBytes));
  return piece;
}

size_t content_bytes(std::string_view raw_piece, Shape shape) {
  if (shape == Shape::kFrames)
    return raw_piece.size() - std::min(raw_piece.size(), kFrameLengthBytes);
  return raw_piece.size() - (lacks_delimiter(raw_piece, shape) ? 0 : 1);
}

bool are_whole_frames(std::string_view payload, uint32_t pieces) {
  size_t at = 0;
  for (uint32_t i = 0; i < pieces; ++i) {
    if (at + kFrameLengthBytes > payload.size()) return false;
    at += kFrameLengthBytes + load_be<uint32_t>(data_of(payload) + at);
  }
  return at == payload.size();
}

SharedBytes as_read(const SharedBytes& payload, Shape shape, uint32_t pieces,
                    std::vector<uint32_t>* sizes) {
  if (shape != Shape::kFrames) return payload;
  if (pieces == 1) {
    const size_t length_bytes = std::min(payload.size, kFrameLengthBytes);
    return payload.sub(length_bytes, payload.size - length_bytes);
  }
  std::string joined;
  joined.reserve(payload.size);
  PieceCursor cursor(payload.view(), shape);
  for (uint32_t i = 0; i < pieces; ++i) {
    const std::string_view piece = cursor.take();
    joined.append(piece);
    if (sizes != nullptr) sizes->push_back(static_cast<uint32_t>(piece.size()));
  }
  return SharedBytes::copy_of(joined);
}

std::optional<Cutting> whole_records(std::string_view gathered, Shape shape, size_t bytes_max) {
  const std::string_view window = gathered.substr(0, bytes_max);
  const void* last = memrchr(window.data(), delimiter_of(shape), window.size());
  if (last != nullptr) {
    const auto whole = static_cast<size_t>(static_cast<const char*>(last) - window.data()) + 1;
    return all_records(window.substr(0, whole), shape);
  }
  if (window.size() < bytes_max) return std::nullopt;
  return Cutting{window.size() - 1, 1, true};
}

Cutting all_records(std::string_view gathered, Shape shape) {
  if (gathered.empty()) return {};
  const size_t ended = count_delimiters(gathered, delimiter_of(shape));
  return {gathered.size(),
          static_cast<uint32_t>(ended + (lacks_delimiter(gathered, shape) ? 1 : 0)), false};
}

size_t count_delimiters(std::string_view bytes, char delimiter) {
  const uint8_t* at = data_of(bytes);
  size_t rest = bytes.size();
  size_t count = 0;
  const Lanes wanted = Lanes{} + static_cast<uint8_t>(delimiter);
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
  for (; rest > 0; --rest, ++at) count += *at == static_cast<uint8_t>(delimiter) ? 1 : 0;
  return count;
}

}  // namespace weir::wire
