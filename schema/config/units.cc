#include "schema/config/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace weir::config {
namespace {

struct Scale {
  std::string_view name;
  uint64_t factor;
};

// Ascending.
constexpr std::array<Scale, 5> kDurations{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Scale, 5> kSizes{
    {{"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}, {"TiB", 1ull << 40}}};

// A hundred years: added to any clock's time, in nanoseconds, it stays in the range of its counts.
constexpr uint64_t kDurationMax = 36'500ull * 86'400'000;
// Keeps a product in the range of the signed counts it ends in.
constexpr uint64_t kSizeMax = std::numeric_limits<int64_t>::max();

Error not_a(std::string_view what, std::string_view text, std::string_view example) {
  return Error{ErrorCode::kInvalid, "'" + std::string(text) + "' is not " + std::string(what) +
                                        ": write a whole number and a unit, such as " +
                                        std::string(example)};
}

template <size_t N>
std::optional<uint64_t> parse_scaled(std::string_view text, const std::array<Scale, N>& scales,
                                     uint64_t max) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  const auto scale =
      std::find_if(scales.begin(), scales.end(), [text](const Scale& s) { return s.name == text; });
  if (scale == scales.end() || number > max / scale->factor) return std::nullopt;
  return number * scale->factor;
}

template <size_t N>
std::string format_scaled(uint64_t number, const std::array<Scale, N>& scales) {
  const auto scale = std::find_if(scales.rbegin(), scales.rend(), [number](const Scale& s) {
    return number >= s.factor && number % s.factor == 0;
  });
  if (scale == scales.rend()) return std::to_string(number) + std::string(scales.front().name);
  return std::to_string(number / scale->factor) + std::string(scale->name);
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto number = parse_scaled(text, kDurations, kDurationMax);
  if (!number) return not_a("a duration", text, "100ms, 30s, 5m, 1h or 1d");
  return std::chrono::milliseconds(static_cast<int64_t>(*number));
}

std::string format_duration(std::chrono::milliseconds duration) {
  if (duration.count() == 0) return "0s";
  return format_scaled(static_cast<uint64_t>(std::max<int64_t>(0, duration.count())), kDurations);
}

Result<uint64_t> parse_size(std::string_view text) {
  const auto number = parse_scaled(text, kSizes, kSizeMax);
  if (!number) return not_a("a size", text, "512B, 64KiB, 8MiB, 1GiB or 1TiB");
  return *number;
}

std::string format_size(uint64_t bytes) { return format_scaled(bytes, kSizes); }

}  // namespace weir::config
