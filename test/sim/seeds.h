// Seeds that once found a bug, with what it was. They are run for ever.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace weir::sim {

inline constexpr std::initializer_list<uint64_t> kGentleSeeds = {};
inline constexpr std::initializer_list<uint64_t> kHarshSeeds = {};

}  // namespace weir::sim
