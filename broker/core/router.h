// Which part of the core takes which message: the one place where messages come in.
//
// Each request that changes something passes one function here, which carries it out once for each
// request id and stores its result in the same write. Owns nothing. Pure. Loop thread.
#pragma once

#include <string>

#include "broker/core/action_registry.h"
#include "broker/core/failure_detector.h"
#include "broker/core/kept_results.h"
#include "broker/core/step.h"

namespace weir::broker {

// All that parts need beside the step.
struct Router {
  Step& step;
  KeptResults& results;
  ActionRegistry& actions;
  FailureDetector& failure_detector;

  void take(const std::string& peer, wire::Envelope envelope) const;
};

}  // namespace weir::broker
