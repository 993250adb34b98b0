// What several runs of one measurement say together.
#pragma once

#include <string>
#include <vector>

namespace weir::bench {

using Samples = std::vector<double>;

// All of them 0 for no samples.
double median(Samples samples);
double smallest(const Samples& samples);
double largest(const Samples& samples);
// The nearest-rank percentile; `share` is 0.99 for p99.
double percentile(Samples samples, double share);

// Run by run: a[i] / b[i]. Both have the same length; runs were made in turn, so that what else the
// machine did then hits both.
Samples ratios(const Samples& a, const Samples& b);

// Three or four significant digits, without exponents: "0.342", "12.3", "512,000".
std::string short_number(double value);

}  // namespace weir::bench
