// Builds blocks from what a program writes, in the buffer that it was read into.
//
// A builder gives room to read into (space, added) and cuts what is there into payloads (cut).
// Whole records only, as long as a record fits a block; longer ones come in `continued` pieces
// (design 2).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/shared_bytes.h"
#include "schema/wire/block.h"

namespace weir::core {

// A payload that is ready to be stamped. `buffer` has kBlockHeaderBytes of room in front of it.
struct Cut {
  std::shared_ptr<uint8_t[]> buffer;
  uint32_t payload_bytes = 0;
  uint32_t pieces = 0;
  uint32_t records = 0;  // Of the pieces, those that end a record.
  bool continued = false;

  std::span<const uint8_t> payload() const {
    return {buffer.get() + wire::kBlockHeaderBytes, payload_bytes};
  }
};

class BlockBuilder {
 public:
  // Payload of a usual block; a record that is longer gets a block of kBlockPayloadBytesMax.
  static constexpr size_t kUsualPayloadBytes = 256u << 10;

  // `shape` must be kLines or kNul.
  BlockBuilder(std::shared_ptr<BufferPool> pool, wire::Shape shape);

  // Room for the next read, at least one byte. Void after the next call of any other method.
  std::span<uint8_t> space();
  void added(size_t bytes);
  void append(std::span<const uint8_t> bytes);

  // True if the buffer has no room left: cut() gives something.
  bool full() const { return capacity_ - used_ == 0; }
  size_t pending_bytes() const { return used_; }
  // True if the last cut ended inside a record.
  bool mid_record() const { return mid_record_; }

  // The whole records so far as one payload; a piece of a longer record if the largest buffer is
  // full of it; else nothing.
  std::optional<Cut> cut();
  // All that is left, its last record without a delimiter if it came so.
  std::optional<Cut> cut_rest();
  // Forgets what was not cut. Returns how many bytes that were.
  size_t drop();

 private:
  Cut take(const wire::Cutting& cutting);
  std::string_view gathered() const;
  void grow(size_t payload_bytes);

  std::shared_ptr<BufferPool> pool_;  // Buffers of kBlockHeaderBytes + kUsualPayloadBytes.
  wire::Shape shape_;
  std::shared_ptr<uint8_t[]> buffer_;
  size_t capacity_ = 0;  // Of payload.
  size_t used_ = 0;
  bool mid_record_ = false;
};

}  // namespace weir::core
