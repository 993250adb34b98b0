// Terms that we never gave, so our store is an old copy (R10): what agents report with a higher
// term was placed by a broker whose memory we lost, and where that one placed it is its log. Terms
// are raised above all that is heard of, and what only the logs of sources hold that we have
// forgotten is drained (R5).
//
// Needs State: placements, and what agents report. A part: see Step.
#pragma once

#include <cstdint>

#include "broker/core/step.h"

namespace weir::broker {

class Terms {
 public:
  explicit Terms(Step& step) : step_(step), state_(step.state) {}

  // Above what this agent reports of all that it has.
  void raise_for(const Agent& agent);

 private:
  void adopt_term(const Agent& agent, Placement& placed, const wire::InstanceStatus& status);
  void go_above_fence(const Agent& agent, Placement& placed, const wire::InstanceStatus& status);
  void adopt_drain(const Agent& agent, const wire::InstanceStatus& status);
  void drain_what_was_forgotten(const Agent& agent, const Placement& placed,
                                const wire::InstanceStatus& status);
  void drain_what_was_left(const wire::InstanceKey& key);
  void raise_term(Placement& placed, uint64_t above);

  Step& step_;
  State& state_;
};

}  // namespace weir::broker
