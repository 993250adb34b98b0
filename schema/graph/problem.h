// What is wrong in an expression, before it is known in which file the expression stands.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "schema/graph/diagnostic.h"

namespace weir::graph {

// A byte of one of several expressions.
struct Place {
  uint32_t expression = 0;
  uint32_t offset = 0;

  bool operator==(const Place&) const = default;
};

struct Problem {
  Place place;
  std::string message;
  std::string hint;
};

// A list that stops growing at a bound, so that a hostile text costs no memory.
class Problems {
 public:
  void add(Place place, std::string message, std::string hint = "") {
    // One more than is shown, so that the reader learns that there are more.
    if (all_.size() > kDiagnosticsMax) return;
    all_.push_back({place, std::move(message), std::move(hint)});
  }
  bool empty() const { return all_.empty(); }
  const std::vector<Problem>& all() const { return all_; }

 private:
  std::vector<Problem> all_;
};

}  // namespace weir::graph
