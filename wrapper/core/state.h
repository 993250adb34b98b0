// What a wrapper's log remembers beside blocks: the values behind the keys of wal/keys.h, and how
// they are read back when the log is opened. docs/wal.md describes each.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/ids.h"
#include "schema/base/result.h"
#include "schema/base/source_position.h"
#include "schema/edge/history.h"
#include "schema/edge/reader.h"
#include "wrapper/core/fed_ranges.h"
#include "wrapper/wal/log.h"

namespace weir::core {

// Names a unit for its program (WEIR_UNIT): the same when the same records are tried again, never
// used for others.
struct UnitId {
  uint64_t term = 0;
  uint64_t boot = 0;
  uint64_t number = 0;
  std::string half;  // ".0", ".1.0": which half of a split batch (R9).

  bool operator==(const UnitId&) const = default;
};
std::string to_string(const UnitId& unit);

// C: replaced by every commit that publishes or ends.
struct CommitState {
  Incarnation of;           // Who wrote it.
  uint64_t published = 0;   // Blocks of `of` up to this number are visible; later ones are staged.
  bool mid_record = false;  // The last published piece is `continued`.
  SourcePosition position;  // Of a source; its count includes what came before this log.
  uint64_t units = 0;       // Units formed by `of`.
  uint64_t out_bytes = 0;   // Stream output published by the unit under way ...
  uint64_t out_hash = 0;    // ... and its XXH3-64.
  bool ended = false;       // END is published: it is record `published`.
};

// A run of consecutive pieces of one lane: after `from`, up to and including `to`.
struct Extent {
  std::string lane;
  Position from;
  Position to;

  bool operator==(const Extent&) const = default;
};

// A: how often the unit under way has failed.
struct Attempts {
  UnitId unit;
  uint32_t failed = 0;
};

// X: the stream unit's output had this hash at this offset, at a block's end.
struct HashPoint {
  uint64_t offset = 0;
  uint64_t hash = 0;
  // Source: CommitState::position.records there. One that is recognised attaches nothing to them.
  uint64_t records = 0;
};

struct DeadLetter {
  std::string lane;
  Position record;
  UnitId unit;
  std::string reason;  // "exited with status 3"
  std::string stderr_tail;
  std::string action;  // Command or action that failed on it.
  std::string bytes;
  // How the last run that failed on it ended; neither, if it was stopped for what it did.
  std::optional<int> status;
  std::optional<int> signal;
  uint32_t attempts = 0;  // Runs that failed with it among their records, as far as is known.
  uint64_t unix_ms = 0;   // When it was given up.
  uint64_t term = 0;      // Of the wrapper that wrote this.
};

// A trim group: blocks up to `last` that were written since the group before.
struct Group {
  RecordId last;
  uint64_t bytes = 0;
};

// Runs that ended with an accepted status other than 0.
struct NonzeroExits {
  uint64_t count = 0;
  uint32_t last = 0;  // The last of these statuses.
};

struct LogState {
  uint32_t format = 1;            // Of its keys and values; see wal/keys.h.
  std::string identity;           // "pipeline/node.instance", empty in a fresh log.
  uint64_t boot_floor = 0;        // No boot up to here may be used again.
  bool sole_copy = false;         // R5; false in logs that do not say it.
  SourcePosition base_position;   // Source: what lies before this log (R5).
  bool trimmed_at_taken = false;  // The run can no longer be repeated (R7).
  std::vector<edge::HistoryEntry> history;
  CommitState commit;
  std::map<std::string, edge::ReaderDurable> inputs;
  std::vector<std::pair<UnitId, Extent>> extents;
  uint64_t fed_chunks = 0;  // See FedRanges: how many, and what all of them tell.
  FedReach fed;
  std::vector<HashPoint> points;
  std::map<std::string, std::vector<Extent>> skips;
  std::optional<Attempts> attempts;
  std::vector<Group> groups;
  RecordId first_block;     // Of all that are there, staged ones too; none if there is no block.
  std::vector<Group> tail;  // Blocks behind the last group, by their first record.
  uint64_t dead_letters = 0;
  NonzeroExits nonzero_exits;
  uint64_t next_dead_letter = 0;  // The number that the next one gets.
};

std::string encode(const CommitState& commit);
std::string encode_base(const SourcePosition& base);
std::string encode(const edge::ReaderDurable& input);
std::string encode(const Extent& extent);
std::string encode_extent(const UnitId& unit, const Extent& extent);
std::string encode(const Attempts& attempts);
std::string encode(const HashPoint& point);
std::string encode(const edge::HistoryEntry& entry);
std::string encode(const Group& group);
std::string encode(const DeadLetter& letter);
std::string encode(const NonzeroExits& exits);
Result<DeadLetter> decode_dead_letter(std::string_view bytes);

// The boot of the next opening of a log (design 2, R2).
uint64_t next_boot(const LogState& state);
// Who opens a log for an order with this term. The log may know a higher one, if the order is of a
// broker whose memory was lost: it is kept then, so that the broker hears of it (R10).
Incarnation next_incarnation(const LogState& state, uint64_t term);

// Reads all but the blocks, and of those at the end their sizes. Errors: kInvalid for a format that
// this release does not know, kCorrupt for values that do not decode, kIo.
Result<LogState> load(const wal::Log& log);
// The same without a look at any block, for those that only want to know.
Result<LogState> load_without_blocks(const wal::Log& log);

}  // namespace weir::core
