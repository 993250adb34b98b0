// Names of records and of those who write them (design 2).
//
// A lane is written by one node instance, but by many processes over time. Each of them is an
// Incarnation: the term that the broker gave to the placement, the boot that the log counted, and a
// random nonce that tells two copies of one log apart. A record's id is (term, boot, seq), ordered
// in this way; sequence numbers go on across the boots of one log and begin at 1.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace weir {

struct RecordId {
  uint64_t term = 0;
  uint64_t boot = 0;
  uint64_t seq = 0;

  auto operator<=>(const RecordId&) const = default;
  bool none() const { return term == 0; }
};

// Above every id that can exist.
inline constexpr RecordId kAllRecords{UINT64_MAX, UINT64_MAX, UINT64_MAX};

struct Incarnation {
  uint64_t term = 0;
  uint64_t boot = 0;
  uint64_t nonce = 0;

  bool operator==(const Incarnation&) const = default;
  bool none() const { return term == 0; }

  // Which of two is the later one. The nonce has no order: equal (term, boot) with another nonce
  // are two copies of one log.
  std::strong_ordering compare(const Incarnation& other) const {
    if (auto order = term <=> other.term; order != 0) return order;
    return boot <=> other.boot;
  }
};

// A record as its reader remembers it: the id together with the writer's nonce.
struct Position {
  Incarnation of;
  uint64_t seq = 0;

  bool operator==(const Position&) const = default;
  bool none() const { return of.none(); }
  RecordId id() const { return RecordId{of.term, of.boot, seq}; }
};

// Above every position: what a reader settles when it wants no more (R8).
inline constexpr Position kEverything{{UINT64_MAX, UINT64_MAX, UINT64_MAX}, UINT64_MAX};

inline std::string to_string(const RecordId& id) {
  if (id == kAllRecords) return "all";
  return std::to_string(id.term) + "." + std::to_string(id.boot) + "." + std::to_string(id.seq);
}
inline std::string to_string(const Position& position) { return to_string(position.id()); }

}  // namespace weir
