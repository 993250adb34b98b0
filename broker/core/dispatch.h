// Whose orders are computed anew, because something of theirs has changed, and how many are sent
// now. What each is told is in orders.h, what of that it knows already in its OrderFeed. Needs
// State: agents, placements. A part: see Step.
#pragma once

#include <set>
#include <string>

#include "broker/core/step.h"

namespace weir::broker {

class Dispatch {
 public:
  explicit Dispatch(Step& step) : step_(step), state_(step.state) {}

  // After all else was decided.
  void send_orders();

 private:
  std::set<std::string> agents_to_order() const;
  std::set<std::string> pipelines_to_order(const Agent& agent) const;
  void order(Agent& agent);

  Step& step_;
  State& state_;
};

}  // namespace weir::broker
