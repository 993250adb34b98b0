// What has come in on one lane and is not consumed yet, record by record where that is needed.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/shared_bytes.h"
#include "schema/wire/block.h"

namespace weir::core {

// Bytes of consecutive pieces of one lane, as a program gets them: without frame lengths, unless
// `framed`.
struct Portion {
  SharedBytes bytes;
  Position last;  // The last piece of it.
  uint32_t pieces = 0;
  bool ends_record = true;  // Its last piece ends a record.
  bool open_end = false;    // A delimiter is missing: it is due before what follows (design 4).
  wire::Shape shape = wire::Shape::kLines;
  std::vector<uint32_t> sizes;     // Of each record, where bytes alone do not tell (frames).
  bool framed = false;             // Whole frames, each with its length in front.
  std::optional<wire::Mark> mark;  // Then there are no bytes.

  bool is_end() const { return wire::is_end(mark); }
  // What came of the record under way is to be forgotten.
  bool is_abandoned() const { return wire::is_abandoned(mark); }
};

// The records of a portion that has no part of a record, one by one. Not of a `framed` one.
std::vector<Portion> split_records(const Portion& portion);
// True if that is a single one, perhaps joined from several pieces.
bool is_one_record(const Portion& portion);

enum class FrameLengths { kStripped, kKept };

class Inbox {
 public:
  // A block in order; the first `skip_pieces` of it are known already.
  void push(wire::Block block, uint32_t skip_pieces);
  void clear();
  // Forgets what came after `keep`.
  void rewind(const Position& keep);

  bool empty() const { return blocks_.empty(); }
  size_t bytes() const { return bytes_; }
  // True if no record is whole in here although there are bytes: what is held drives no credit.
  bool only_unfinished() const { return whole_blocks_ == 0 && !blocks_.empty(); }
  // Bytes of whole records could be taken, or a mark.
  bool has_whole() const { return whole_blocks_ > 0; }
  const Position& received() const { return received_; }
  // The next piece; none if empty.
  RecordId front_id() const {
    if (blocks_.empty()) return {};
    const Held& held = blocks_.front();
    return {held.block.header.of.term, held.block.header.of.boot,
            held.block.header.first + held.skip};
  }
  bool front_is_continued() const {
    return !blocks_.empty() && blocks_.front().block.header.continued;
  }
  bool front_is_mark() const { return !blocks_.empty() && blocks_.front().block.header.mark; }
  // How long the first record is as far as it is here, without delimiter and frame lengths; 0
  // unless it comes in several pieces.
  size_t front_pieces_bytes() const;
  // True if the next thing is the lane's end.
  bool at_end() const { return !blocks_.empty() && blocks_.front().block.header.is_end(); }

  // The rest of the first block, whole or not its record's end; nothing if empty. For streams.
  std::optional<Portion> take_block();
  // Like take_block(), but nothing after the piece `last`.
  std::optional<Portion> take_upto(const Position& last);
  // One whole record, joined where it came in pieces; marks come as such. Nothing unless
  // has_whole().
  std::optional<Portion> take_record();
  // The same where the record comes in pieces, which are not joined but go to `pieces`: the portion
  // has no bytes. Nothing but the mark of an abandoned one.
  std::optional<Portion> take_pieces(std::vector<SharedBytes>& pieces);
  // Whole records of the first block, at most `records` and `bytes` (but at least one record).
  // Frames keep their lengths if that is asked, they are not pieces of a longer record, and they
  // are what their block says.
  std::optional<Portion> take_records(uint64_t records, uint64_t bytes,
                                      FrameLengths lengths = FrameLengths::kStripped);

 private:
  struct Held {
    wire::Block block;
    uint32_t skip = 0;  // Pieces before this one are consumed.
    size_t offset = 0;  // Where the next piece begins in the payload.

    wire::PieceCursor pieces() const {
      return {block.payload().view(), block.header.shape, offset};
    }
  };
  Portion cut(Held& held, uint32_t pieces, size_t raw_bytes,
              FrameLengths lengths = FrameLengths::kStripped);
  Portion take_first_piece();
  void drop_front();

  std::deque<Held> blocks_;
  size_t bytes_ = 0;
  size_t whole_blocks_ = 0;  // Blocks up to the last one that ends a record.
  Position received_;
};

}  // namespace weir::core
