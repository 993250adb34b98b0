// How a program reads and writes that answers each record with one (protocols `lines` and
// `frames`, design 4).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/graph/pipeline.h"
#include "wrapper/core/inbox.h"
#include "wrapper/core/packer.h"

namespace weir::core {

// As the program reads it: lines with their delimiter, or frames. Bytes that are right as they are
// are not copied. `portion` has whole records.
std::vector<SharedBytes> encode_input(const Portion& portion, bool frames, char delimiter);
// What goes in front of a frame of so many bytes.
SharedBytes frame_length(size_t bytes);

// Which of the records that a program of protocol `lines` has yet to answer are empty: its empty
// answer to one of these is an empty record, to any other it is "no output".
class EmptyInputs {
 public:
  // It was asked these; without their lengths, where they are frames.
  void asked(const Portion& portion, char delimiter);
  // It was asked so many records that are not empty.
  void asked_others(uint64_t records) { asked_ += records; }
  void answered(uint64_t records) { answered_ += records; }
  // Whether the record `ahead` behind the last one answered is empty (0: the next one). Asked in
  // order: what is not asked about for one record is forgotten with the next.
  bool is_empty(uint64_t ahead);
  void clear();

 private:
  uint64_t asked_ = 0;
  uint64_t answered_ = 0;
  std::deque<uint64_t> empty_;  // By their number since clear().
};

// Takes apart what the program writes. Replies wait here until they are taken as payloads.
class ReplyReader {
 public:
  explicit ReplyReader(const graph::NodeSpec& spec);

  struct Got {
    uint64_t replies = 0;               // Whole ones, also those that say 'no output'.
    std::optional<std::string> broken;  // R11: how it broke its protocol. Nothing more is read.
  };

  // Room for the next read. Void after added().
  std::span<uint8_t> space();
  // `asked`: for how many records it owes replies; one more breaks the protocol. `empty`: which of
  // these are empty.
  Got added(size_t bytes, uint64_t asked, EmptyInputs& empty);
  // True if no part of a reply is left over.
  bool empty() const;
  std::vector<Cut> take() { return packer_.take(); }
  void clear();

 private:
  Got take_lines(std::string_view got, uint64_t asked, EmptyInputs& empty);
  Got take_frames(std::string_view got, uint64_t asked);

  const bool frames_;
  const char delimiter_;
  std::string scratch_;
  FrameParser parser_;
  RecordPacker packer_;
};

}  // namespace weir::core
