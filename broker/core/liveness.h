// Which agents are heard. One that is not is silent after kAgentSilence; FailureDetector says when
// it is lost.
//
// Needs State: agents; sets their `connected`, and `lost`, `awaited` and who is `away`. Whatever
// changes of that is an event, and may change where instances run. A part: see Step.
#pragma once

#include "broker/core/failure_detector.h"
#include "broker/core/step.h"

namespace weir::broker {

class Liveness {
 public:
  Liveness(Step& step, FailureDetector& failure_detector)
      : step_(step), state_(step.state), failure_detector_(failure_detector) {}

  // This agent has spoken.
  void heard(Agent& agent);
  void tick();

 private:
  void note_silent();
  void note_lost();
  void note_away();

  Step& step_;
  State& state_;
  FailureDetector& failure_detector_;
};

}  // namespace weir::broker
