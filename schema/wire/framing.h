// How the payload of a block is cut into pieces, and what stands in a lane between them: the one
// place that knows where a piece ends and what of it is a program's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "schema/base/codec.h"
#include "schema/base/shared_bytes.h"

namespace weir::wire {

// How records are told apart. The delimiter is a part of its record; a frame's length is not.
enum class Shape : uint8_t { kLines = 0, kNul = 1, kFrames = 2 };

// In front of each frame: its length, big-endian.
inline constexpr size_t kFrameLengthBytes = 4;

// Of a shape other than frames.
constexpr char delimiter_of(Shape shape) { return shape == Shape::kNul ? '\0' : '\n'; }
constexpr Shape shape_with(char delimiter) {
  return delimiter == '\0' ? Shape::kNul : Shape::kLines;
}

// True if the piece ends its record although its delimiter is missing.
inline bool lacks_delimiter(std::string_view piece, Shape shape) {
  return shape != Shape::kFrames && !piece.ends_with(delimiter_of(shape));
}

// ---- marks

// What is said of a lane between its records, with a sequence number of its own.
struct Mark {
  enum class Kind : uint8_t {
    kAbandoned,  // The record that the blocks before it began ends here, unfinished.
    kEnd,        // The lane ends here (R8).
    kWatermark,  // No record with an earlier event time than `value` is expected: milliseconds
                 // since 1970. Blocks of version 2.
  };
  Kind kind = Kind::kEnd;
  uint64_t value = 0;  // 0 of those that need none.

  bool operator==(const Mark&) const = default;
};

inline constexpr Mark kAbandonedMark{Mark::Kind::kAbandoned, 0};
inline constexpr Mark kEndMark{Mark::Kind::kEnd, 0};

inline bool is_abandoned(const std::optional<Mark>& mark) {
  return mark && mark->kind == Mark::Kind::kAbandoned;
}
inline bool is_end(const std::optional<Mark>& mark) {
  return mark && mark->kind == Mark::Kind::kEnd;
}

// ---- from a payload to pieces

// Goes over the pieces of a payload, one after the other. It never reads past the end, whatever the
// lengths in front of frames say: what is left is then one piece.
class PieceCursor {
 public:
  // `offset`: where a piece begins. The bytes must outlive the cursor.
  PieceCursor(std::string_view payload, Shape shape, size_t offset = 0)
      : payload_(payload), shape_(shape), offset_(offset) {}

  bool done() const { return offset_ >= payload_.size(); }
  size_t offset() const { return offset_; }
  // How many bytes the next piece takes, a frame with its length; 0 if done().
  size_t size() const {
    const size_t rest = payload_.size() - offset_;
    const char* at = payload_.data() + offset_;
    if (shape_ == Shape::kFrames) {
      if (rest < kFrameLengthBytes) return rest;
      const size_t length = load_be<uint32_t>(reinterpret_cast<const uint8_t*>(at));
      return std::min(rest, kFrameLengthBytes + length);
    }
    const void* found = rest == 0 ? nullptr : std::memchr(at, delimiter_of(shape_), rest);
    return found == nullptr ? rest : static_cast<size_t>(static_cast<const char*>(found) - at) + 1;
  }
  // Passes over so many pieces; fewer if there are no more.
  void skip(uint32_t pieces) {
    for (; pieces > 0 && !done(); --pieces) offset_ += size();
  }
  // The next piece as it lies there, and as a program gets it: a frame without its length.
  std::string_view take_raw();
  std::string_view take();

 private:
  std::string_view payload_;
  Shape shape_;
  size_t offset_;
};

// Of a piece as it lies in a payload: what is neither length nor delimiter.
size_t content_bytes(std::string_view raw_piece, Shape shape);

// True if the payload is `pieces` whole frames. A block's hashes may be right and what it says of
// its frames wrong all the same.
bool are_whole_frames(std::string_view payload, uint32_t pieces);

// So many pieces as a program or a file gets them: frames without their lengths, everything else as
// it is. Copies only where several frames are joined; then `sizes`, if it is asked for, gets the
// size of each.
SharedBytes as_read(const SharedBytes& payload, Shape shape, uint32_t pieces,
                    std::vector<uint32_t>* sizes = nullptr);

// ---- from gathered bytes to payloads; of shapes other than frames

// What of the bytes that were gathered goes into one payload.
struct Cutting {
  size_t bytes = 0;
  uint32_t pieces = 0;
  bool continued = false;  // One piece, whose record goes on.
};

// The whole records within the first `bytes_max`. If not even one is: a piece of it once there are
// `bytes_max` bytes, less one, so that the record's last piece is never empty, however it ends.
// Nothing as long as more has to come.
std::optional<Cutting> whole_records(std::string_view gathered, Shape shape, size_t bytes_max);
// All of it; the last record may lack its delimiter. Of nothing: 0 bytes.
Cutting all_records(std::string_view gathered, Shape shape);

// How many bytes equal to `delimiter` there are. One vectorised pass.
size_t count_delimiters(std::string_view bytes, char delimiter);

}  // namespace weir::wire
