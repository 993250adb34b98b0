// Durations and sizes as people write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace weir::config {

// A whole number and a unit: ms, s, m, h or d. "100ms", "30s", "1m". At most 36500 days.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// In the largest unit that needs no fraction; parse_duration reads it back.
std::string format_duration(std::chrono::milliseconds duration);

// A whole number and a unit: B, KiB, MiB, GiB or TiB. "8MiB".
Result<uint64_t> parse_size(std::string_view text);

// In the largest unit that needs no fraction; parse_size reads it back.
std::string format_size(uint64_t bytes);

}  // namespace weir::config
