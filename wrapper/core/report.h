// What a wrapper tells its agent of itself: once a second, and at once when something changed that
// somebody waits for. Pure.
#pragma once

#include <string>
#include <vector>

#include "wrapper/core/node.h"

namespace weir::core {

// What its process knows beside its node.
struct ProcessFacts {
  // Where the writers of its inputs connect; both empty without inputs.
  std::string endpoint;
  std::string remote_endpoint;  // Empty: no lane comes from another host.
  int64_t pid = 0;
  int64_t action_pid = 0;
  uint64_t fenced_by = 0;       // InstanceStatus::fenced_by
  std::string failure;          // It cannot go on.
  std::string trouble;          // What it waits for, or why it begins again.
  std::string program_trouble;  // Why no run can be begun just now.
  std::vector<std::string> notes;
};

wire::InstanceStatus make_report(const Node& node, const ProcessFacts& facts, SteadyTime now);

// Whether the agent should hear now what was told last as `told`.
bool has_news(const Node& node, const ProcessFacts& facts, const wire::InstanceStatus& told);

}  // namespace weir::core
