// A broker that was restored from an old copy of its store (R2, R5, R10).
#include <gmock/gmock.h>

#include "test/unit/broker/lost_agent.h"

namespace weir::broker {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using wire::InstanceState;
using wire::PipelineState;

// Only the host that is lost for ever bore the term that its readers have seen.
TEST_F(LostAgentTest, R10WhoIsFencedOutByAForgottenTermGoesAboveIt) {
  world_.drains_end = false;
  world_.keep_copy();
  world_.pass(seconds(4), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
  world_.restore_copy();
  world_.instance("alpha", "a").fenced_by = 2;
  world_.pass(kSilenceAtStart - seconds(1), {"alpha", "beta"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1") << "whoever bears it may speak yet";
  world_.pass(seconds(2), {"alpha", "beta"});
  EXPECT_EQ(place_of(kSource), "alpha in term 3");
  ASSERT_NE(order("alpha", kSource), nullptr);
  EXPECT_EQ(order("alpha", kSource)->term, 3u);
  EXPECT_EQ(order("alpha", kSource)->log_term, 1u) << "its own log";

  // R5: what that host had accepted is not forgotten in silence.
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0", "a.0@2"));
  EXPECT_EQ(world_.state(), PipelineState::kDegraded);
  EXPECT_THAT(world_.status().reason, HasSubstr("waits for a host that the broker has forgotten"));
  world_.restart_broker();
  world_.pass(seconds(1), {"alpha", "beta"});
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0", "a.0@2"));
  world_.drains_end = true;
  EXPECT_TRUE(world_.ok(wire::PipelineAbandon{"p"}));
  world_.pass(seconds(1), {"alpha", "beta"});
  EXPECT_EQ(world_.state(), PipelineState::kRunning);
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0"));
}

TEST_F(LostAgentTest, R5AForgottenHostThatIsBackAfterAllIsDrained) {
  world_.drains_end = false;
  world_.keep_copy();
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.restore_copy();
  world_.instance("alpha", "a").fenced_by = 2;
  world_.pass(kSilenceAtStart + seconds(1), {"alpha", "beta"});
  EXPECT_EQ(place_of(kSource), "alpha in term 3");
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 3");
  EXPECT_FALSE(world_.agents["gamma"].runs.contains(kSource));
  const wire::StartOrder* drain = order("gamma", {"p", "a", 0, 2});
  ASSERT_NE(drain, nullptr);
  EXPECT_EQ(drain->log_term, 2u);
  EXPECT_TRUE(drain->end);
}

// The log at alpha ends with what is drained: a source that went on there would never write again.
TEST_F(LostAgentTest, R5ADrainThatTheBrokerForgotGoesOnAndTheSourceBeginsAnew) {
  world_.drains_end = false;
  world_.keep_copy();
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  EXPECT_TRUE(world_.agents["alpha"].runs.contains(kDrained));
  world_.restore_copy();
  world_.pass(seconds(1), {"alpha", "beta"});
  EXPECT_EQ(place_of(kSource), "alpha in term 2");
  ASSERT_NE(order("alpha", kSource), nullptr);
  EXPECT_EQ(order("alpha", kSource)->log_term, 2u);
  ASSERT_NE(order("alpha", kDrained), nullptr);
  EXPECT_EQ(order("alpha", kDrained)->log_term, 1u);
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0", "a.0@1"));
}

// All had ended where the broker remembers it, and that is taken down before the other one speaks.
TEST_F(LostAgentTest, R10WhatIsFoundOfACompletedPipelineIsStopped) {
  world_.keep_copy();
  world_.pass(seconds(4), {"alpha", "gamma"});  // b moves to gamma.
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "gamma in term 2");
  world_.restore_copy();
  for (const auto& [agent, name] : {std::pair{"alpha", "a"}, std::pair{"beta", "b"}}) {
    world_.instance(agent, name).state = InstanceState::kEnded;
    world_.instance(agent, name).ended_and_settled = true;
  }
  world_.pass(seconds(4), {"alpha", "beta"});
  EXPECT_EQ(world_.state(), PipelineState::kCompleted);
  EXPECT_THAT(world_.agents["beta"].runs, IsEmpty());
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  EXPECT_THAT(world_.agents["gamma"].runs, IsEmpty());
  EXPECT_EQ(world_.state(), PipelineState::kCompleted);
}

// The agent has another log than the one in the copy: the instance was elsewhere in between.
TEST_F(LostAgentTest, R10TheLogThatIsAtWorkStaysAtWork) {
  world_.keep_copy();
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  world_.pass(seconds(4), {"alpha", "beta"});
  EXPECT_EQ(place_of(kSource), "alpha in term 3");
  world_.restore_copy();
  world_.pass(seconds(1), {"alpha", "beta"});
  ASSERT_NE(order("alpha", kSource), nullptr);
  EXPECT_EQ(order("alpha", kSource)->log_term, 3u);
}

// A number that no broker gives would be the last.
TEST_F(LostAgentTest, ATermThatNoBrokerGivesFencesNobody) {
  world_.instance("alpha", "a").fenced_by = UINT64_MAX - 1;
  world_.pass(kSilenceAtStart + seconds(1), {"alpha", "beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
}

// A zombie is refused for a term that the broker has given.
TEST_F(LostAgentTest, R2WhoIsFencedOutByItsSuccessorStaysSo) {
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.agents["alpha"].holds_back = true;
  world_.instance("alpha", "a").fenced_by = 2;
  world_.pass(kSilenceAtStart + seconds(1), {"alpha", "beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
}

}  // namespace
}  // namespace weir::broker
