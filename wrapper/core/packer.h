// What programs write that answer record by record: frames taken apart, records put into blocks.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/shared_bytes.h"
#include "wrapper/core/builder.h"

namespace weir::core {

// Length-prefixed frames, from a program's stdout (design 4: 32-bit big-endian length, then the
// bytes). Each frame becomes one record of shape kFrames; a frame of length 0 is "no output".
class FrameParser {
 public:
  static constexpr size_t kFrameBytesMax = 100u << 20;

  struct Part {
    std::string_view bytes;  // Of what was added.
    bool last;               // The frame ends with it.
  };

  // What the program wrote. The caller keeps it until next() gives nothing or an error.
  void added(std::span<const uint8_t> bytes);
  // What is here of the frame under way; nothing if that is nothing new. Errors: kLimit for a frame
  // over the limit, as soon as its length is there.
  Result<std::optional<Part>> next();
  // True if no part of a frame is left over.
  bool empty() const { return !in_frame_ && length_bytes_ == 0 && rest_.empty(); }
  void clear();

 private:
  std::span<const uint8_t> rest_;
  std::array<uint8_t, wire::kFrameLengthBytes> length_{};  // As far as it has come.
  size_t length_bytes_ = 0;
  size_t left_ = 0;  // Of the frame under way.
  bool in_frame_ = false;
};

// Collects whole records of known length into payloads of any shape: replies and frames. Each byte
// is copied once, small blocks and records that come in parts excepted.
class RecordPacker {
 public:
  explicit RecordPacker(wire::Shape shape);

  // Adds one record; its delimiter, if its shape has one, is a part of it.
  void add(std::string_view record);
  // The same for one that comes in parts; a record without any bytes is left out. Until its last
  // part nothing of it is taken.
  void add_part(std::string_view part, bool last);
  void drop_part();
  size_t part_bytes() const { return part_bytes_; }
  // Of whole records.
  bool empty() const { return cuts_.empty() && payload_.empty(); }
  // All whole records, as payloads in order.
  std::vector<Cut> take();
  void clear();

 private:
  struct Filling {  // A payload, with room for the header in front of it.
    std::shared_ptr<uint8_t[]> buffer;
    size_t capacity = 0;
    size_t used = 0;

    bool empty() const { return used == 0; }
    void append(std::string_view bytes);
  };
  void put(std::string_view record, Filling& payload) const;
  void close();
  void collect(std::string_view part);
  void make_room(size_t bytes);
  Cut finish_piece(bool continued);
  // Ends the payload; a small one does not keep a large buffer.
  static Cut cut(Filling& payload, uint32_t pieces, bool continued);
  Filling usual();
  static Filling large(size_t payload_bytes);

  wire::Shape shape_;
  size_t prefix_;  // In front of each piece.
  BufferPool pool_;
  Filling payload_;
  uint32_t pieces_ = 0;
  std::vector<Cut> cuts_;
  // Of a record that is not whole: its pieces, and the one under way with room for its prefix.
  std::vector<Cut> part_cuts_;
  Filling part_;
  size_t part_bytes_ = 0;
};

}  // namespace weir::core
