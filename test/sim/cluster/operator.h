// Somebody with weirctl: asks the broker, and asks again under the same request id until there is
// an answer.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "test/sim/cluster/control_link.h"
#include "test/sim/cluster/scheduler.h"

namespace weir::sim {

class Cluster;

class Operator : public Process {
 public:
  using Then = std::function<void(const wire::Message&)>;

  explicit Operator(Cluster& cluster);
  ~Operator();

  // One question after the other.
  void ask(wire::Message question, Then then);

 private:
  void begin_next();
  void say();
  void on_answer(const wire::Envelope& envelope);

  Cluster& cluster_;
  std::shared_ptr<ControlLink> link_;
  std::deque<std::pair<wire::Message, Then>> questions_;  // The first is being asked.
  std::string request_;                                   // Empty: nothing is asked.
};

}  // namespace weir::sim
