// Where a source stands: what its program needs to know to go on after a restart.
#pragma once

#include <cstdint>
#include <string>

namespace weir {

// What a program may attach at most.
inline constexpr size_t kPositionTokenBytesMax = 64u << 10;

// Positions have no order of their own: each is as old as the id of the last record before it.
struct SourcePosition {
  uint64_t records = 0;  // Whole records since the pipeline began.
  // What the program attached, read by nobody else; empty: it attaches nothing.
  std::string token;

  bool operator==(const SourcePosition&) const = default;
  // The very beginning.
  bool none() const { return records == 0 && token.empty(); }
};

}  // namespace weir
