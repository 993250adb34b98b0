// How weir and a source program of its own speak (docs/decisions/0007): records in chunks, each
// with the position after it. The same messages both ways, over the program's stdin and stdout.
//
//   message = kind, bytes of the position, bytes of the data (32 bits each, big-endian), position,
//             data
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/source_position.h"

namespace weir::wire {

enum class SourceKind : uint32_t {
  // To the program, once, before anything else: the position that was committed last; empty at the
  // very beginning. Its stdin stays open; kinds that it does not know it passes over.
  kStart = 1,
  // From the program. Whole records, each with its delimiter, or none; and the position after them.
  kRecords = 2,
  // A part of one record, which goes on with the next message. No delimiter, no position.
  kPiece = 3,
  // The record that the pieces so far began is taken back.
  kAbandon = 4,
};

inline constexpr size_t kSourceHeaderBytes = 12;
inline constexpr size_t kSourceDataBytesMax = 1u << 20;
inline constexpr size_t kSourceMessageBytesMax =
    kSourceHeaderBytes + kPositionTokenBytesMax + kSourceDataBytesMax;

// Refers to bytes of somebody else.
struct SourceMessage {
  SourceKind kind = SourceKind::kRecords;
  std::string_view position;
  std::string_view data;

  bool operator==(const SourceMessage&) const = default;
};

// What goes in front of position and data; they are within their limits.
std::array<uint8_t, kSourceHeaderBytes> source_header(const SourceMessage& message);
std::string encode(const SourceMessage& message);

// Takes a stream of messages apart, in a buffer that it is read into.
class SourceParser {
 public:
  // Room for the next read, at least one byte. Makes what next() gave void.
  std::span<uint8_t> space();
  void added(size_t bytes);
  // The next whole message, valid until space() or clear(); nothing if it is not whole yet. Errors:
  // kLimit for sizes over the limits, as soon as they are there. The kind may be one that is not
  // known here.
  Result<std::optional<SourceMessage>> next();
  // True if no part of a message is left over.
  bool empty() const { return begin_ == end_; }
  void clear() { begin_ = end_ = 0; }

 private:
  std::vector<uint8_t> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t wanted_ = 0;  // Bytes of the message under way, if they are known.
};

}  // namespace weir::wire
