// The pipeline whose agents the tests lose.
#pragma once

#include <string>
#include <vector>

#include "test/unit/broker/world.h"

namespace weir::broker {

inline const wire::InstanceKey kSource{"p", "a", 0, 0};
inline const wire::InstanceKey kDrained{"p", "a", 0, 1};

// a ; b, with a on alpha and b on beta; gamma stands by for both.
class LostAgentTest : public ::testing::Test {
 protected:
  explicit LostAgentTest(bool portable = false) {
    for (const char* name : {"alpha", "beta", "gamma"}) {
      world_.agents[name].address = std::string("host-") + name;
      world_.hear(name);
    }
    graph::PipelineSpec spec = chain({node("a", {"alpha", "gamma"}), node("b", {"beta", "gamma"})});
    spec.nodes[0].portable = portable;
    world_.run(std::move(spec));
    world_.settle();
    EXPECT_EQ(world_.state(), wire::PipelineState::kRunning);
  }

  std::string place_of(const wire::InstanceKey& key) {
    const Placement* placed = world_.core_state().placement(key);
    return placed == nullptr ? "" : placed->agent + " in term " + std::to_string(placed->term);
  }
  const wire::StartOrder* order(const std::string& agent, const wire::InstanceKey& key) {
    for (const wire::StartOrder& one : world_.agents[agent].last_start) {
      if (wire::key_of(one) == key) return &one;
    }
    return nullptr;
  }
  std::vector<std::string> lanes_of_b(const std::string& agent) {
    const wire::StartOrder* one = order(agent, {"p", "b", 0, 0});
    return one == nullptr ? std::vector<std::string>() : one->writers;
  }

  World world_;
};

}  // namespace weir::broker
