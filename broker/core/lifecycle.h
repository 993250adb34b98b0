// What becomes of a pipeline that runs: that it was up, that it is completed, and the events that
// tell of its states. Needs State: what is reported of its instances (status.h). A part: see Step.
#pragma once

#include "broker/core/step.h"

namespace weir::broker {

class Lifecycle {
 public:
  explicit Lifecycle(Step& step) : step_(step), state_(step.state) {}

  // Of one that is wanted up.
  void note_progress(Pipeline& pipeline);
  // An event, if its state is another one than the last event told of.
  void note_state(Pipeline& pipeline);

 private:
  Step& step_;
  State& state_;
};

}  // namespace weir::broker
