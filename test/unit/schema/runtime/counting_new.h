// Counts the allocations of a test program, to show where there are none.
#pragma once

#include <atomic>
#include <cstddef>

extern std::atomic<std::size_t> allocations;
