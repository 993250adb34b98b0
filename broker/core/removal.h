// What agents do not have any more, and what the broker forgets after that: stopped instances,
// removed pipelines, records of placements that no agent keeps anything of.
//
// The highest term of all that is forgotten stays, so that no term is given twice. Agents that are
// lost are not waited for: they are told when they are back. Needs State: placements, and what each
// agent has obeyed. A part: see Step.
#pragma once

#include <string>

#include "broker/core/step.h"

namespace weir::broker {

class Removal {
 public:
  explicit Removal(Step& step) : step_(step), state_(step.state) {}

  // What this agent was told to stop or to remove, has obeyed, and does not report any more.
  void note_gone(const Agent& agent);
  // True: nobody that is not lost keeps anything of it any more, and it was removed.
  bool note_removed(const Pipeline& pipeline);
  // Nobody waits for this agent, which is gone for good.
  void forget_agent(const std::string& name);

 private:
  void note_stopped(const std::string& agent, const wire::InstanceKey& key);
  void note_erased(const std::string& agent, const wire::InstanceKey& key);
  void forget(const Pipeline& pipeline);
  void forget_placements(const std::string& pipeline);

  Step& step_;
  State& state_;
};

}  // namespace weir::broker
