// What only the log of a source that was lost with its host holds (R5): it is drained when the host
// is back. A portable source writes it again elsewhere instead, unless it is to end.
//
// What is drained has a placement of its own, whose key says in which term the log was the
// source's; its readers learn of the lane at once, and do not end before it has. Needs State:
// placements and their reports. A part: see Step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/core/step.h"

namespace weir::broker {

class Drains {
 public:
  explicit Drains(Step& step) : step_(step), state_(step.state) {}

  // The log of a source where it is placed now, before it is placed elsewhere.
  void leave_own_log(Pipeline& pipeline, uint32_t instance);
  // Likewise any log of it.
  void leave_log(Pipeline& pipeline, uint32_t instance, const SourceLog& log);
  // Not even a portable source writes it again.
  void drain_log(Pipeline& pipeline, uint32_t instance, const SourceLog& log);
  // R8: no portable source writes again what it was to, now that the pipeline is to end.
  void drain_what_it_left(Pipeline& pipeline);
  // Lanes of what is drained of its writers, for an instance that is placed anew.
  std::vector<std::string> open_drains(const Pipeline& pipeline, uint32_t instance) const;
  // What has ended and is settled is done.
  void note_drained(const Pipeline& pipeline);

 private:
  void forget_lane(const wire::InstanceKey& drained);

  Step& step_;
  State& state_;
};

}  // namespace weir::broker
