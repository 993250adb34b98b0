// Who the agents are: their names, the identities behind these, and how many there may be.
//
// An agent registers with all that it has, in one message or, if that is too much, in several. One
// of a name is listened to at a time: a second one is refused until the first is silent, and then
// has none of its logs. When there are kAgentsMax, one that nobody needs is forgotten for the next.
//
// Needs State: agents, identities, registering. A part: see Step.
#pragma once

#include <string>

#include "broker/core/failure_detector.h"
#include "broker/core/outcome.h"
#include "broker/core/step.h"

namespace weir::broker {

class Registration {
 public:
  Registration(Step& step, FailureDetector& failure_detector)
      : step_(step), state_(step.state), failure_detector_(failure_detector) {}

  void take(const std::string& peer, const std::string& request, wire::AgentRegister message);
  // Whether this continues a registration, rather than being the report of an agent that has done
  // so; then it was taken.
  bool take_part(const std::string& peer, const std::string& request, wire::AgentReport& message);
  // Those that did not go on.
  void forget_unfinished();
  // An agent that is gone for good. kNotFound; kConflict: it is connected, or something is there.
  Outcome remove(const std::string& name);

 private:
  // False: another one of this name is heard.
  bool take_identity(const wire::AgentRegister& message);
  bool make_room();
  std::string needs(const std::string& name) const;

  Step& step_;
  State& state_;
  FailureDetector& failure_detector_;
};

}  // namespace weir::broker
