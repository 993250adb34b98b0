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

// What a run of `weirctl up` takes of a disk. It shares that with nobody for long, so it keeps no
// more free than commits and draining need.
struct RunRoom {
  uint64_t log_limit_bytes = 0;  // Of each of its logs.
  uint64_t reserve_bytes = 0;
  uint64_t needed_bytes = 0;  // With less than this free it cannot go on: the limit is too small.
};

// `free_bytes`: what is left for it, with what its own logs have already.
constexpr RunRoom run_room(uint64_t free_bytes, size_t logs) {
  constexpr uint64_t kReserveMin = 1ull << 20;
  constexpr uint64_t kReserveMax = 1ull << 30;
  constexpr uint64_t kLimitMax = 64ull << 30;
  // The broker's store, orders, what broker and agents say.
  constexpr uint64_t kRunBytes = 1ull << 20;
  // Beside the blocks of a log: the one under way, its database, what the program says on stderr.
  constexpr uint64_t kBesideBytes = 3ull << 19;
  // Small blocks are in the database, and there twice until its own log is dropped.
  constexpr auto limit_of = [](uint64_t bytes) { return bytes / 4 * 3; };
  constexpr uint64_t kLogBytesMin = kLogLimitBytesMin / 3 * 4 + 4 + kBesideBytes;
  const uint64_t count = logs == 0 ? 1 : logs;
  RunRoom room;
  room.needed_bytes = kReserveMin + kRunBytes + count * kLogBytesMin;
  const uint64_t spare = free_bytes < room.needed_bytes ? 0 : free_bytes - room.needed_bytes;
  room.reserve_bytes =
      std::clamp(std::min(free_bytes / 10, kReserveMin + spare / 2), kReserveMin, kReserveMax);
  const uint64_t kept = room.reserve_bytes + kRunBytes;
  const uint64_t share = free_bytes < kept ? 0 : (free_bytes - kept) / count;
  const uint64_t limit = share < kBesideBytes ? 0 : limit_of(share - kBesideBytes);
  room.log_limit_bytes = std::clamp(limit, kLogLimitBytesMin, kLimitMax);
  return room;
}

}  // namespace weir
