// What people want of pipelines: put, run, stop or end, remove. It is stored, and refused where it
// would lose records; what follows from it is decided after. Needs State: pipelines, and which
// actions there are. A part: see Step.
#pragma once

#include <string>
#include <vector>

#include "broker/core/action_registry.h"
#include "broker/core/outcome.h"
#include "broker/core/step.h"

namespace weir::broker {

class PipelineRequests {
 public:
  PipelineRequests(Step& step, const ActionRegistry& actions)
      : step_(step), state_(step.state), actions_(actions) {}

  Outcome put(graph::PipelineSpec spec);
  Outcome run(wire::PipelineRun message);
  // `end`: its sources end their lanes, and it completes.
  Outcome stop(const std::string& name, bool end);
  // `discard`: whatever its logs hold.
  Outcome remove(const std::string& name, bool discard);

 private:
  Result<std::vector<wire::ActionRef>> newest_actions(const graph::PipelineSpec& spec) const;

  Step& step_;
  State& state_;
  const ActionRegistry& actions_;
};

}  // namespace weir::broker
