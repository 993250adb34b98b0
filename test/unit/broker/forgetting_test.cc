// What the broker knows goes when nothing needs it any more.
#include <gmock/gmock.h>

#include "test/unit/broker/world.h"

namespace weir::broker {
namespace {

using std::chrono::seconds;
using ::testing::IsEmpty;
using wire::PipelineState;

void remove_pipeline(World& world) {
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p"}));
  world.settle();
  EXPECT_TRUE(world.ok(wire::PipelineRemove{"p", true}));
  world.settle();
  EXPECT_EQ(world.refused(wire::PipelineStatusRequest{"p"}), ErrorCode::kNotFound);
}

TEST(Forgetting, PlacementsGoWithTheirPipelineAndNoTermIsGivenTwice) {
  World world;
  world.hear("alpha");
  uint64_t last = 0;
  for (int round = 0; round < 3; ++round) {
    world.run(chain({node("a"), node("b")}));
    world.settle();
    for (const char* name : {"a", "b"}) {
      EXPECT_GT(world.instance("alpha", name).term, last) << name << " in round " << round;
    }
    last = std::max(world.instance("alpha", "a").term, world.instance("alpha", "b").term);
    remove_pipeline(world);
    EXPECT_THAT(world.core_state().placements, IsEmpty());
    world.restart_broker();
    EXPECT_THAT(world.core_state().placements, IsEmpty()) << "nor does the store have them";
    world.settle();
  }
}

TEST(Forgetting, WhatALostAgentKeepsIsRememberedUntilItIsRemoved) {
  World world;
  world.hear("alpha");
  world.hear("beta");
  world.run(chain({node("a", {"alpha"}), node("b", {"beta"})}));
  world.settle();
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p"}));
  world.settle();
  world.pass(seconds(4), {"alpha"});
  EXPECT_TRUE(world.ok(wire::PipelineRemove{"p", true}));
  world.pass(seconds(4), {"alpha"});
  EXPECT_EQ(world.refused(wire::PipelineStatusRequest{"p"}), ErrorCode::kNotFound);
  EXPECT_FALSE(world.core_state().placements.empty());
  EXPECT_TRUE(world.ok(wire::AgentRemove{"beta"}));
  EXPECT_THAT(world.core_state().placements, IsEmpty());
  EXPECT_FALSE(world.core_state().kept.contains("beta"));
}

TEST(Forgetting, AnAgentIsRemovedWhenNothingIsThere) {
  World world;
  world.agents["alpha"].identity = "1";
  world.hear("alpha");
  world.hear("beta");
  world.run(chain({node("a", {"alpha", "beta"})}));
  world.settle();
  EXPECT_EQ(world.refused(wire::AgentRemove{"gamma"}), ErrorCode::kNotFound);
  EXPECT_EQ(world.refused(wire::AgentRemove{"alpha"}), ErrorCode::kConflict) << "it is connected";
  // Its host is gone. The source has moved, and what its log held is waited for.
  world.pass(seconds(4), {"beta"});
  const auto waits = world.ask(wire::AgentRemove{"alpha"});
  EXPECT_NE(std::get<wire::Refusal>(waits).what.find("weirctl pipeline abandon p"),
            std::string::npos);
  EXPECT_TRUE(world.ok(wire::PipelineAbandon{"p"}));
  world.pass(seconds(1), {"beta"});
  EXPECT_TRUE(world.ok(wire::AgentRemove{"alpha"}, "r-1"));
  EXPECT_TRUE(world.ok(wire::AgentRemove{"alpha"}, "r-1")) << "asked again, done once";
  EXPECT_FALSE(world.core_state().agents.contains("alpha"));
  EXPECT_FALSE(world.core_state().identities.contains("alpha"));
  world.restart_broker();
  EXPECT_FALSE(world.core_state().identities.contains("alpha"));
  EXPECT_FALSE(world.core_state().awaited.contains("alpha"));
  // The name is free for another server, at once.
  world.agents["alpha"] = {};
  world.agents["alpha"].identity = "2";
  world.hear("alpha");
  EXPECT_TRUE(world.core_state().agents.at("alpha").connected);
}

TEST(Forgetting, AnAgentWithARunningPipelineIsNotRemoved) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a", {"alpha"})}));
  world.settle();
  world.tick(seconds(60));
  const auto answer = world.ask(wire::AgentRemove{"alpha"});
  EXPECT_NE(std::get<wire::Refusal>(answer).what.find("weirctl pipeline rm p"), std::string::npos);
}

// The agent was decommissioned, and nobody has told the broker.
TEST(Forgetting, AnAgentThatWasAwayDelaysNoPlacementAfterARestart) {
  World world;
  for (const char* name : {"alpha", "beta"}) {
    world.agents[name].identity = name;
    world.hear(name);
  }
  world.pass(kAwayAfter + seconds(1), {"beta"});
  world.restart_broker();
  world.tick(seconds(1));
  world.hear("beta");
  EXPECT_FALSE(world.core_state().awaited.contains("alpha"));
  world.run(chain({node("a")}));
  EXPECT_EQ(world.status().nodes[0].instances[0].agent, "beta") << "at once";
  // Back, it is one like any other.
  world.hear("alpha");
  world.restart_broker();
  EXPECT_TRUE(world.core_state().awaited.contains("alpha"));
}

TEST(Forgetting, OldNamesDoNotKeepNewAgentsOut) {
  World world;
  world.agents["needed"].identity = "n";
  world.hear("needed");
  world.run(chain({node("a", {"needed"})}));
  world.settle();
  for (size_t i = 1; i < kAgentsMax; ++i) {
    const std::string name = "old-" + std::to_string(i);
    world.agents[name].identity = name;
    world.hear(name);
  }
  world.agents["new"].identity = "new";
  world.hear("new");
  EXPECT_FALSE(world.core_state().agents.contains("new")) << "all are connected";
  for (int i = 0; i < 20; ++i) world.tick(std::chrono::milliseconds(250));
  world.hear("new");
  EXPECT_TRUE(world.core_state().agents.contains("new"));
  EXPECT_TRUE(world.core_state().identities.contains("needed")) << "something is there";
  EXPECT_EQ(world.core_state().identities.size(), kAgentsMax);
  world.restart_broker();
  world.agents["newer"].identity = "newer";
  world.hear("newer");
  EXPECT_TRUE(world.core_state().agents.contains("newer")) << "also after a restart";
  EXPECT_TRUE(world.core_state().identities.contains("needed"));
}

// The agent of a completed pipeline has nothing that anything depends on.
TEST(Forgetting, AnAgentOfACompletedPipelineIsNotLookedAfter) {
  World world;
  world.hear("alpha");
  world.hear("beta");
  world.agents["alpha"].address = "host";
  world.run(chain({node("a", {"alpha"})}));
  world.settle();
  world.instance("alpha", "a").state = wire::InstanceState::kEnded;
  world.instance("alpha", "a").ended_and_settled = true;
  world.settle();
  ASSERT_EQ(world.state(), PipelineState::kCompleted);
  world.pass(seconds(5), {"beta"});
  EXPECT_THAT(world.core_state().lost, IsEmpty());
  EXPECT_THAT(world.probed, IsEmpty());
}

}  // namespace
}  // namespace weir::broker
