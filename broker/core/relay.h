// Questions about the log of an instance, on their way to the agent that has it, and answers on
// their way back. Nothing is remembered of them: the request's id that an agent sees says who asked
// (the peer, in hex, then '/' and that one's own id). Needs State: placements, agents. A part: see
// Step.
#pragma once

#include <string>

#include "broker/core/step.h"

namespace weir::broker {

class Relay {
 public:
  explicit Relay(Step& step) : step_(step), state_(step.state) {}

  // Refused at once if there is nobody to ask.
  void ask(const std::string& peer, const std::string& request, wire::LogRead message);
  void ask(const std::string& peer, const std::string& request, wire::DeadRead message);
  void ask(const std::string& peer, const std::string& request, wire::DeadChange message);
  // From an agent. An answer to nothing that was asked goes nowhere.
  void answer(const std::string& request, wire::Message message);
  // How many dead letters are left is known before the next report, which may never come.
  void answer_changed(const std::string& request, wire::DeadChanged message);

 private:
  void pass_on(const std::string& peer, const std::string& request, const wire::InstanceKey& key,
               wire::Message message);

  Step& step_;
  State& state_;
};

}  // namespace weir::broker
