// How much of a disk one log may take (R7).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace weir {

// No log may be told to take less: it must have room for the largest block.
constexpr uint64_t kLogLimitBytesMin = 1ull << 20;

// What of a disk with `free_bytes` left is not shared out, and stays free: a tenth, and not nothing
// where all is full already. Never so little that a sink could not stage a unit in a quarter of it
// and so make room.
constexpr uint64_t disk_reserve_bytes(uint64_t free_bytes, uint64_t all_bytes = 0) {
  constexpr uint64_t kReserveMax = 1ull << 30;
  constexpr uint64_t kReserveMin = 64ull << 20;
  return std::max(std::min(free_bytes / 10, kReserveMax), std::min(all_bytes / 4, kReserveMin));
}

// For one of `logs` logs that share a disk with `free_bytes` left.
constexpr uint64_t log_share_bytes(uint64_t free_bytes, size_t logs) {
  constexpr uint64_t kShareMin = 16ull << 20;
  constexpr uint64_t kShareMax = 64ull << 30;
  const uint64_t reserve = disk_reserve_bytes(free_bytes);
  return std::clamp((free_bytes - reserve) / std::max<size_t>(logs, 1), kShareMin, kShareMax);
}

}  // namespace weir
