// Bytes that are no text.
#pragma once

#include <string>

namespace weir::wire {

struct Bytes {
  std::string value;

  bool operator==(const Bytes&) const = default;
};

}  // namespace weir::wire
