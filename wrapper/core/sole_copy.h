// R5: which logs are the only copy of something, and of what.
#pragma once

#include <string>

#include "schema/wire/order.h"

namespace weir::core {

// Upstream still holds what is needed to make any other log again (R3).
inline bool is_sole_copy(const wire::StartOrder& order) {
  return order.writers.empty() || order.node.caller_stdin ||
         order.node.durability != graph::Durability::kProcess;
}

inline std::string at_stake(const wire::StartOrder& order) {
  if (order.writers.empty()) {
    return "what this source has written and no sink has settled yet is nowhere else";
  }
  if (order.sink) return "which records this sink has done is known nowhere else";
  return "nothing else holds what this node has made since its readers settled last";
}

}  // namespace weir::core
