#include "test/bench/stats.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace weir::bench {

double percentile(Samples samples, double share) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  const double rank = std::ceil(share * static_cast<double>(samples.size()));
  return samples[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

double median(Samples samples) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  const size_t middle = samples.size() / 2;
  return samples.size() % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
}

double smallest(const Samples& samples) {
  return samples.empty() ? 0 : *std::min_element(samples.begin(), samples.end());
}

double largest(const Samples& samples) {
  return samples.empty() ? 0 : *std::max_element(samples.begin(), samples.end());
}

Samples ratios(const Samples& a, const Samples& b) {
  Samples result;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) result.push_back(a[i] / b[i]);
  return result;
}

std::string short_number(double value) {
  const double size = std::fabs(value);
  char text[64];
  const int decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.0995 ? 3 : 4;
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  std::string number = text;
  if (decimals != 0 || size < 10'000) return number;
  const size_t first = value < 0 ? 1 : 0;
  for (size_t at = number.size(); at > first + 3;) {
    at -= 3;
    number.insert(at, 1, ',');
  }
  return number;
}

}  // namespace weir::bench
