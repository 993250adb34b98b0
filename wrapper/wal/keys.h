// Keys of a wrapper's log. One letter, then fixed-width big-endian numbers, so that the order of
// keys is the order of records. docs/wal.md draws the whole layout; the values are in
// wrapper/core/state.h.
#pragma once

#include <string>

#include "schema/base/codec.h"
#include "schema/base/ids.h"

namespace weir::wal {

// Formats of a log that are read. A log has the lowest that can hold what is in it: 2 where it has
// blocks of version 2.
inline constexpr uint32_t kFormatOldest = 1;
inline constexpr uint32_t kFormatNewest = 2;

inline constexpr char kMeta = 'M';      // M + name: format version, identity, lowest boot
inline constexpr char kHistory = 'H';   // H term boot: an incarnation that wrote this log
inline constexpr char kCommit = 'C';    // C: how far outputs are published, position, unit, end
inline constexpr char kInput = 'L';     // L + lane: what is known of a lane that is read
inline constexpr char kBlock = 'B';     // B term boot first: a block of the lane that is written
inline constexpr char kGroup = 'T';     // T term boot last: a run of blocks that is trimmed at once
inline constexpr char kExtent = 'E';    // E n: an extent of the unit under way
inline constexpr char kFed = 'G';       // G n: a chunk of what the stream unit was fed
inline constexpr char kPoint = 'X';     // X offset: a hash point of the stream unit's output
inline constexpr char kSkip = 'S';      // S + lane, first: pieces of a record that was abandoned
inline constexpr char kAttempts = 'A';  // A: failed attempts of the unit under way
inline constexpr char kDead = 'D';      // D n: a dead letter

inline std::string key(char letter) { return std::string(1, letter); }
inline std::string key(char letter, uint64_t n) {
  return Encoder(std::string(1, letter)).u64(n).bytes();
}
inline std::string key(char letter, std::string_view name) {
  return std::string(1, letter).append(name);
}
inline std::string key(char letter, const RecordId& id) {
  return Encoder(std::string(1, letter)).u64(id.term).u64(id.boot).u64(id.seq).bytes();
}
// The first key after all that begin with this letter.
inline std::string key_end(char letter) { return std::string(1, static_cast<char>(letter + 1)); }

// Of a key that is a letter and one number.
inline uint64_t number_of_key(std::string_view key) { return Decoder(key.substr(1)).u64(); }

inline RecordId id_of_key(std::string_view key) {
  Decoder in(key.substr(1));
  RecordId id;
  id.term = in.u64();
  id.boot = in.u64();
  id.seq = in.u64();
  return id;
}

}  // namespace weir::wal
