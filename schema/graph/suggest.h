// "Did you mean": the nearest of the words that would have been right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::graph {

// The candidate nearest to `word` if it is near enough to be a slip of the finger, else "".
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// "did you mean 'X'?", or "" if nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace weir::graph
