// In which order a stream unit was fed from several lanes, so that a second run of it gets the same
// (design 4). One range is a run of consecutive records of one lane; ranges of one lane that follow
// one another are one. Two bytes for a range, in chunks of the log: what is in memory does not
// grow.
//
// A chunk (key G n) is a format byte, then entries. An entry begins with a byte: 0 names a source,
// a lane and an incarnation of its writer, with the sequence that it is counted from; any other is
// the number of a source named in this chunk (1: the first), and a varint says by how much its
// sequence goes on.
//
// Thread: one, the node's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/ids.h"
#include "schema/base/result.h"
#include "wrapper/wal/log.h"

namespace weir::core {

// Up to and including this record of this lane; it begins where the range of the lane before ends.
struct FedRange {
  std::string lane;
  Position to;

  bool operator==(const FedRange&) const = default;
};

struct FedSource {
  std::string lane;
  Incarnation of;

  bool operator<(const FedSource& other) const;
};

// The last sequence that was fed of each.
using FedReach = std::map<FedSource, uint64_t>;

// Calls `each` for the ranges of a chunk, in order. False: it is not one.
bool decode_fed_chunk(std::string_view chunk, const std::function<void(FedRange)>& each);

class FedRanges {
 public:
  static constexpr size_t kChunkBytes = 1024;

  // `chunks`: how many are in the log, which must outlive this; `reach`: what all of them tell.
  FedRanges(const wal::Log& log, uint64_t chunks, FedReach reach);

  bool empty() const { return reach_.empty(); }
  const FedReach& reach() const { return reach_; }

  // Records of this lane up to `to` are fed next. Call persisted() with what this returns when the
  // batch is in the log: a chunk that is full is kept in memory until then.
  uint64_t add(const std::string& lane, const Position& to, wal::LogBatch& batch);
  void persisted(uint64_t chunk);
  // The unit is over, or begins anew.
  void forget(wal::LogBatch& batch);

  // ---- running it once more: nothing is added meanwhile. Errors: kCorrupt, kIo.
  // To the first range.
  Status rewind();
  // Nothing behind the last one.
  const std::optional<FedRange>& next() const { return next_; }
  // To the range behind next().
  Status advance();

 private:
  struct Source {
    FedSource source;
    uint64_t seq;
  };

  void begin_chunk();
  size_t source_number(const FedSource& source, uint64_t from);
  Result<std::string> chunk(uint64_t number) const;

  const wal::Log& log_;
  FedReach reach_;
  // The chunk that grows.
  uint64_t number_ = 0;
  std::string tail_;
  std::vector<Source> sources_;  // Named in it.
  // Its last entry, if that is a range: of which source, where it begins, what came before it.
  size_t last_source_ = 0;
  size_t last_at_ = 0;
  uint64_t last_from_ = 0;
  std::map<uint64_t, std::string> unwritten_;  // Full chunks that are not known to be in the log.
  // Replay.
  std::vector<FedRange> ranges_;  // Of one chunk, the next one last.
  uint64_t next_chunk_ = 0;
  std::optional<FedRange> next_;
};

}  // namespace weir::core
