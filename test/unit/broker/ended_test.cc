// Instances that have ended are not started elsewhere when their host is lost (R8).
#include "test/unit/broker/world.h"

namespace weir::broker {
namespace {

using std::chrono::seconds;
using wire::InstanceState;
using wire::PipelineState;

// a ; (b || c): b has ended, c has not.
class EndedTest : public ::testing::Test {
 protected:
  EndedTest() {
    for (const char* name : {"alpha", "beta", "gamma"}) {
      world_.agents[name].address = std::string("host-") + name;
      world_.agents[name].identity = name;
      world_.hear(name);
    }
    graph::PipelineSpec spec =
        chain({node("a", {"alpha"}), node("b", {"beta", "gamma"}), node("c", {"gamma", "alpha"})});
    spec.edges = {{0, 1}, {0, 2}};
    EXPECT_TRUE(world_.ok(wire::PipelinePut{spec}));
    EXPECT_TRUE(world_.ok(wire::PipelineRun{"p", {}, {}}));
    world_.settle();
    end("beta", "b");
    EXPECT_EQ(world_.state(), PipelineState::kRunning);
  }

  void end(const std::string& agent, const std::string& name) {
    world_.instance(agent, name).state = InstanceState::kEnded;
    world_.instance(agent, name).ended_and_settled = true;
    world_.settle();
  }
  bool has_b(const std::string& agent) {
    return world_.agents[agent].runs.contains({"p", "b", 0, 0});
  }

  World world_;
};

// The program would run on an empty input, and its output would replace what is there.
TEST_F(EndedTest, R8ASinkThatHadEndedIsNotStartedElsewhere) {
  world_.pass(seconds(60), {"alpha", "gamma"});
  EXPECT_FALSE(has_b("gamma"));
  EXPECT_EQ(world_.state(), PipelineState::kRunning);
  EXPECT_EQ(world_.status().nodes.at(1).instances.at(0).status.state, InstanceState::kEnded);
  world_.restart_broker();
  world_.pass(seconds(60), {"alpha", "gamma"});
  EXPECT_FALSE(has_b("gamma"));
  // Who is started later does not wait for a reader that is gone.
  const auto& orders = world_.agents["alpha"].last_start;
  ASSERT_EQ(orders.size(), 1u);
  ASSERT_EQ(orders[0].readers.size(), 1u);
  EXPECT_EQ(orders[0].readers[0].name, "c.0");
  EXPECT_FALSE(orders[0].sink);
  end("gamma", "c");
  EXPECT_EQ(world_.state(), PipelineState::kCompleted);
}

// The host is back with an old copy of the log: upstream would have to keep all for it.
TEST_F(EndedTest, R8ASinkThatHadEndedIsNotStartedAgainWhereItWas) {
  world_.pass(seconds(4), {"alpha", "gamma"});
  world_.instance("beta", "b").state = InstanceState::kRunning;
  world_.instance("beta", "b").ended_and_settled = false;
  world_.pass(seconds(2), {"alpha", "beta", "gamma"});
  EXPECT_FALSE(has_b("beta"));
  EXPECT_EQ(world_.status().nodes.at(1).instances.at(0).status.state, InstanceState::kEnded);
  end("gamma", "c");
  EXPECT_EQ(world_.state(), PipelineState::kCompleted);
}

TEST_F(EndedTest, R8ASinkThatHadEndedIsNotStartedOnAServerThatTookItsName) {
  world_.pass(seconds(4), {"alpha", "gamma"});
  world_.agents["beta"] = {};
  world_.agents["beta"].address = "host-beta";
  world_.agents["beta"].identity = "another";
  world_.forget_connection("beta");
  world_.pass(seconds(4), {"alpha", "beta", "gamma"});
  EXPECT_FALSE(has_b("beta"));
  end("gamma", "c");
  EXPECT_EQ(world_.state(), PipelineState::kCompleted);
}

// The instance was being started again when its host was lost.
TEST_F(EndedTest, R8TheEndOfALogStays) {
  world_.instance("beta", "b").state = InstanceState::kStarting;
  world_.instance("beta", "b").ended_and_settled = false;
  world_.hear("beta");
  world_.pass(seconds(4), {"alpha", "gamma"});
  EXPECT_FALSE(has_b("gamma"));
}

TEST_F(EndedTest, R4ASinkThatHasNotEndedMoves) {
  world_.pass(seconds(4), {"alpha", "beta"});
  EXPECT_TRUE(world_.agents["alpha"].runs.contains({"p", "c", 0, 0}));
  end("alpha", "c");
  EXPECT_EQ(world_.state(), PipelineState::kCompleted);
}

}  // namespace
}  // namespace weir::broker
