// What is read next of the files that a Tracker follows, as messages of whole lines with the
// position after them. Of one path a file is read when those before it are at their ends; paths
// take turns. A last line without its delimiter waits. Pure but for Files; thread: one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/wire/source_protocol.h"
#include "wrapper/tail/tracker.h"

namespace weir::tail {

class Reader {
 public:
  // Of one read, and so of one message; a longer line goes in pieces. Memory is bounded by it.
  static constexpr size_t kChunkBytes = 256u << 10;
  // Read from one path before it is another one's turn.
  static constexpr size_t kTurnBytes = 1u << 20;

  explicit Reader(Tracker& tracker) : tracker_(tracker) {}

  // The next message; nothing if all that is there has been read. Its bytes are valid until the
  // next call. Errors: kLimit if the position has become too large for one.
  Result<std::optional<wire::SourceMessage>> next();
  // Without FollowOptions::follow: all is read.
  bool is_done() const { return done_; }

 private:
  // A line that is longer than a chunk, on its way in pieces.
  struct LongLine {
    TrackedFile* file;
    uint64_t from;  // In the file ...
    uint64_t end;
    bool adds_delimiter;  // There is none in the file.
    uint64_t at;          // Up to here it is handed on.
    PrintBytes before;    // Of the file, up to there.
  };
  using Message = Result<std::optional<wire::SourceMessage>>;

  TrackedFile* choose();
  Message read_from(TrackedFile& file);
  Message search(TrackedFile& file);
  Message begin_long(TrackedFile& file, uint64_t end, bool adds_delimiter);
  Message next_piece();
  bool end_all();
  // `bytes` of the file from `at` on; nothing if they cannot be had, or the file is not what it
  // was.
  std::optional<std::string_view> take(TrackedFile& file, uint64_t at, size_t bytes);
  Message records(TrackedFile& file, std::string_view data, size_t added);
  Message with_position(wire::SourceKind kind, std::string_view data);

  Tracker& tracker_;
  std::optional<LongLine> long_;
  std::string buffer_;
  std::string position_;
  std::string turn_;       // The path that is read, and ...
  size_t turn_bytes_ = 0;  // ... how much of it.
  bool done_ = false;
};

}  // namespace weir::tail
