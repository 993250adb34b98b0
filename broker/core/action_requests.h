// What people want of actions. One that a pipeline needs is not removed. Needs State: pipelines,
// and which actions they name and run with. A part: see Step.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "broker/core/action_registry.h"
#include "broker/core/outcome.h"
#include "broker/core/step.h"

namespace weir::broker {

class ActionRequests {
 public:
  ActionRequests(Step& step, ActionRegistry& actions)
      : step_(step), state_(step.state), actions_(actions) {}

  // All of its content is there.
  Outcome put(const wire::ActionPut& put);
  // Version 0: all of them.
  Outcome remove(const std::string& name, uint32_t version);
  wire::ActionListIs list() const;

 private:
  Step& step_;
  State& state_;
  ActionRegistry& actions_;
};

// The hashes of all contents that an action or a pipeline needs.
std::set<std::string> contents_in_use(const State& state, const ActionRegistry& actions);

}  // namespace weir::broker
