// What a wrapper tells its agent of itself: once a second, and at once when something changed that
// somebody waits for. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "wrapper/core/node.h"
#include "wrapper/core/notes.h"

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
  NoteBook notes;
};

wire::InstanceStatus make_report(const Node& node, const ProcessFacts& facts, SteadyTime now);

// Another process runs the action: with units of a record that is so hundreds of times a second, so
// this news waits until the last report is this old.
inline constexpr std::chrono::milliseconds kPidNewsAfter{100};

// Whether the agent should hear now what it was told as `told`, `ago`.
bool has_news(const Node& node, const ProcessFacts& facts, const wire::InstanceStatus& told,
              SteadyTime::duration ago);

}  // namespace weir::core
