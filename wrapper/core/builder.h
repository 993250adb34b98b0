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
  uint8_t flags = 0;

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
  std::optional<Cut> take(size_t bytes, uint8_t flags, size_t room_for_rest);
  void grow(size_t payload_bytes);

  std::shared_ptr<BufferPool> pool_;  // Buffers of kBlockHeaderBytes + kUsualPayloadBytes.
  wire::Shape shape_;
  uint8_t delimiter_;
  std::shared_ptr<uint8_t[]> buffer_;
  size_t capacity_ = 0;  // Of payload.
  size_t used_ = 0;
  bool mid_record_ = false;
};

// Length-prefixed frames, from a program's stdout (design 4: 32-bit big-endian length, then the
// bytes). Each frame becomes one record of shape kFrames; a frame of length 0 is "no output".
class FrameParser {
 public:
  static constexpr size_t kFrameBytesMax = 100u << 20;

  struct Part {
    std::string_view bytes;  // Void after the next added().
    bool last;               // The frame ends with it.
  };

  // Takes what the program wrote.
  void added(std::span<const uint8_t> bytes);
  // What is here of the frame under way; nothing if that is nothing new. Errors: kLimit for a frame
  // over the limit, as soon as its length is there.
  Result<std::optional<Part>> next();
  // True if no part of a frame is left over.
  bool empty() const { return !in_frame_ && buffer_.size() == at_; }
  void clear();

 private:
  std::string buffer_;
  size_t at_ = 0;
  size_t left_ = 0;  // Of the frame under way.
  bool in_frame_ = false;
};

// Collects whole records of known length into payloads of any shape: replies and frames.
class RecordPacker {
 public:
  explicit RecordPacker(wire::Shape shape) : shape_(shape) {}

  // Adds one record; its delimiter, if its shape has one, is a part of it.
  void add(std::string_view record);
  // The same for one that comes in parts. Until end_record() nothing of it is taken.
  void add_part(std::string_view part);
  void end_record();
  void drop_part();
  size_t part_bytes() const { return part_bytes_; }
  // Of whole records.
  bool empty() const { return cuts_.empty() && payload_.empty(); }
  // All whole records, as payloads in order.
  std::vector<Cut> take();
  void clear();

 private:
  size_t piece_bytes_max() const;
  void close();
  static Cut make_cut(std::string_view payload, uint32_t pieces, uint8_t flags);
  void put(std::string_view piece, std::string& payload) const;

  wire::Shape shape_;
  std::string payload_;
  uint32_t pieces_ = 0;
  std::vector<Cut> cuts_;
  // Of a record that is not whole: its pieces, and what is too little for one.
  std::vector<Cut> part_cuts_;
  std::string part_;
  size_t part_bytes_ = 0;
};

}  // namespace weir::core
