// Counts the allocations of a test program, to show where there are none.
#pragma once

#include <atomic>
#include <cstddef>

extern std::atomic<std::size_t> allocations;
// Of these, those of a size that only payloads have.
inline constexpr std::size_t kLargeAllocationBytes = std::size_t{16} << 10;
extern std::atomic<std::size_t> large_allocations;
