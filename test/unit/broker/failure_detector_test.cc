// Lost agents: when one is taken for lost, where its nodes go, and what becomes of the logs of its
// sources (R5, R10).
#include <gmock/gmock.h>

#include "test/unit/broker/lost_agent.h"

namespace weir::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using wire::InstanceState;
using wire::PipelineState;

TEST_F(LostAgentTest, R10ASilentAndUnheardAgentIsLostAndItsNodesMove) {
  world_.pass(kAgentSilence - milliseconds(500), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
  ASSERT_NE(order("gamma", kSource), nullptr);
  EXPECT_EQ(order("gamma", kSource)->log_term, 2u) << "with an empty log";
  EXPECT_FALSE(order("gamma", kSource)->end);
}

TEST_F(LostAgentTest, R10WritersArePointedToAMovedReader) {
  world_.pass(seconds(4), {"alpha", "gamma"});
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "gamma in term 2");
  ASSERT_NE(order("alpha", kSource), nullptr);
  EXPECT_EQ(order("alpha", kSource)->readers.at(0).endpoint, "tcp://host-gamma/b");
  EXPECT_EQ(order("alpha", kSource)->term, 1u);
  EXPECT_EQ(world_.state(), PipelineState::kRunning);
}

TEST_F(LostAgentTest, R10WhatNeighboursHearStaysWhereItIs) {
  world_.instance("beta", "b").heard = {"a.0"};
  world_.pass(seconds(60), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
  EXPECT_EQ(world_.status().nodes.at(0).instances.at(0).status.state, InstanceState::kUnmanaged);
  EXPECT_EQ(world_.state(), PipelineState::kDegraded);
  world_.instance("beta", "b").heard = {"a.1", "x.0"};  // Others.
  world_.pass(kEvidenceLasts + seconds(1), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
}

TEST_F(LostAgentTest, R10WhatASilentAgentSaidOfItsNeighboursCountsNoMore) {
  world_.instance("alpha", "a").heard = {"b.0"};
  world_.settle();
  world_.pass(seconds(4), {"gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "gamma in term 2");
}

TEST_F(LostAgentTest, R10WhatAnswersTheBrokersProbeStaysWhereItIs) {
  world_.answers_probes = {"beta"};
  world_.pass(seconds(60), {"alpha", "gamma"});
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "beta in term 1");
  EXPECT_FALSE(world_.probed.empty());
  world_.answers_probes.clear();
  world_.pass(kEvidenceLasts + seconds(1), {"alpha", "gamma"});
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "gamma in term 2");
}

TEST_F(LostAgentTest, WithoutAnotherHostItWaitsAndSaysForWhom) {
  world_.pass(seconds(4), {"alpha"});  // b may be on beta and gamma.
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "beta in term 1");
  const auto status = world_.status();
  EXPECT_EQ(status.state, PipelineState::kDegraded);
  EXPECT_EQ(status.reason, "b: its agent beta is lost; waits for agent beta or gamma");
  EXPECT_EQ(status.nodes.at(1).instances.at(0).status.state, InstanceState::kLost);
  world_.hear("gamma");
  world_.settle();
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "gamma in term 2") << "by itself, once there is one";
}

TEST_F(LostAgentTest, AnAgentThatComesBackBeforeAnybodyTookOverGoesOn) {
  world_.pass(seconds(10), {"alpha"});
  world_.hear("beta");
  world_.settle();
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "beta in term 1");
  EXPECT_EQ(world_.state(), PipelineState::kRunning);
}

TEST_F(LostAgentTest, PinnedNodesStay) {
  EXPECT_TRUE(world_.ok(wire::PipelineRun{"p", {}, {false, 0, "", true}}));
  world_.pass(seconds(60), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
}

TEST_F(LostAgentTest, ABrokerThatWasStoppedItselfLosesNobody) {
  world_.tick(milliseconds(250));
  world_.tick(seconds(100));
  EXPECT_THAT(world_.core_state().lost, IsEmpty());
  world_.pass(seconds(2), {"alpha", "beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
}

TEST_F(LostAgentTest, R10ABrokerThatWasCutOffMovesNothing) {
  // The last that it heard of each was not at one time.
  world_.pass(milliseconds(750), {"gamma"});
  for (int i = 0; i < 40; ++i) {
    world_.pass(milliseconds(250), {});
    ASSERT_EQ(place_of(kSource), "alpha in term 1") << i;
    ASSERT_EQ(place_of({"p", "b", 0, 0}), "beta in term 1") << i;
  }
  EXPECT_EQ(world_.status().nodes.at(0).instances.at(0).status.state, InstanceState::kLost);
  // They come back one after another.
  world_.pass(kSilenceAtStart - seconds(1), {"gamma"});
  world_.pass(seconds(5), {"gamma", "alpha"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "gamma in term 2") << "beta did not";
}

TEST_F(LostAgentTest, R10AShortTimeAloneDoesNotCountAgainstOthers) {
  world_.pass(seconds(2), {});
  world_.pass(milliseconds(1250), {"gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
  world_.pass(seconds(2), {"gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
}

TEST_F(LostAgentTest, ANewBrokerGivesAgentsTimeToRegister) {
  world_.restart_broker();
  world_.pass(kSilenceAtStart - seconds(1), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
  world_.pass(seconds(2), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
}

// ---- Logs of lost sources

TEST_F(LostAgentTest, R5TheLogOfALostSourceIsDrainedWhenItsHostIsBack) {
  world_.drains_end = false;
  world_.pass(seconds(4), {"beta", "gamma"});
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0", "a.0@1"));
  EXPECT_EQ(world_.state(), PipelineState::kDegraded);
  EXPECT_THAT(world_.status().reason, HasSubstr("waits for alpha: its log of a"));

  world_.hear("alpha");
  world_.settle();
  EXPECT_FALSE(world_.agents["alpha"].runs.contains(kSource)) << "its wrapper is stopped";
  const wire::StartOrder* drain = order("alpha", kDrained);
  ASSERT_NE(drain, nullptr);
  EXPECT_TRUE(drain->end) << "no program";
  EXPECT_EQ(drain->name(), "a.0@1");
  EXPECT_EQ(drain->term, 1u);
  EXPECT_EQ(drain->log_term, 1u) << "the same log";
  EXPECT_EQ(drain->readers.at(0).endpoint, "tcp://host-beta/b");
  EXPECT_EQ(world_.state(), PipelineState::kRunning);

  world_.agents["alpha"].runs.at(kDrained).ended_and_settled = true;
  world_.settle();
  EXPECT_THAT(world_.agents["alpha"].runs, IsEmpty());
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0"));
}

// A reader that does not read the drained lane yet would take the END of the successor for the end
// of all.
TEST_F(LostAgentTest, R5TheSuccessorStartsWhenItsReadersReadWhatIsDrained) {
  world_.drains_end = false;
  world_.agents["beta"].holds_back = true;
  world_.pass(seconds(4), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0"));
  EXPECT_EQ(order("gamma", kSource), nullptr);
  world_.agents["beta"].holds_back = false;
  world_.pass(seconds(4), {"beta", "gamma"});
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0", "a.0@1"));
  EXPECT_NE(order("gamma", kSource), nullptr);
}

// The drained lane is settled, but not with the reader that was moved meanwhile.
TEST_F(LostAgentTest, R5AReaderThatMovedMeanwhileDoesNotWaitForWhatIsDrained) {
  world_.drains_end = false;
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  world_.pass(seconds(4), {"alpha", "gamma"});
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "gamma in term 2");
  EXPECT_THAT(lanes_of_b("gamma"), ElementsAre("a.0", "a.0@1"));
  world_.agents["alpha"].runs.at(kDrained).ended_and_settled = true;  // Of the b before.
  world_.settle();
  EXPECT_THAT(lanes_of_b("gamma"), ElementsAre("a.0"));
}

// What the broker had ordered after the copy of its store was made goes on, and what the source
// left behind is not forgotten with it.
TEST_F(LostAgentTest, R5AMoveThatTheBrokerForgotIsDrainedAllTheSame) {
  world_.drains_end = false;
  world_.keep_copy();
  world_.pass(seconds(4), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
  world_.restore_copy();
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 3");
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0", "a.0@1"));
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  EXPECT_NE(order("alpha", kDrained), nullptr);
}

// The first one may still drain its log, and nothing could tell the two apart.
TEST_F(LostAgentTest, ADrainedLaneOfAnAgentThatWasReplacedHasAnotherTerm) {
  world_.drains_end = false;
  world_.agents["alpha"].identity = "one";
  world_.forget_connection("alpha");
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.agents["alpha"] = {};
  world_.agents["alpha"].address = "host-alpha";
  world_.agents["alpha"].identity = "another";
  world_.forget_connection("alpha");
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  const wire::StartOrder* drain = order("alpha", kDrained);
  ASSERT_NE(drain, nullptr);
  EXPECT_EQ(drain->term, 3u);
  EXPECT_EQ(drain->log_term, 3u) << "an empty log";
}

// A reader that is placed when a drained lane has ended would wait for its end for ever.
TEST_F(LostAgentTest, R5WhoIsPlacedLaterDoesNotReadADrainedLane) {
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  world_.pass(seconds(4), {"alpha", "gamma"});
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "gamma in term 2");
  EXPECT_THAT(lanes_of_b("gamma"), ElementsAre("a.0"));
}

TEST_F(LostAgentTest, R5AReaderThatMovesReadsWhatIsNotDrainedYet) {
  world_.pass(seconds(4), {"gamma"});  // Both are lost.
  EXPECT_THAT(lanes_of_b("gamma"), ElementsAre("a.0", "a.0@1"));
}

TEST_F(LostAgentTest, R5ASecondLossIsDrainedToo) {
  world_.drains_end = false;
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  world_.pass(seconds(4), {"alpha", "beta"});  // Back to alpha, whose old log is being drained.
  EXPECT_EQ(place_of(kSource), "alpha in term 3");
  EXPECT_EQ(order("alpha", kSource)->log_term, 3u);
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0", "a.0@1", "a.0@2"));
  EXPECT_NE(order("alpha", kDrained), nullptr);
}

TEST_F(LostAgentTest, R5ASourceThatHadAllSettledIsNeitherDrainedNorStartedAgain) {
  world_.instance("alpha", "a").ended_and_settled = true;
  world_.hear("alpha");
  world_.pass(seconds(4), {"beta", "gamma"});
  ASSERT_NE(order("gamma", kSource), nullptr);
  EXPECT_TRUE(order("gamma", kSource)->end);
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0"));
}

TEST_F(LostAgentTest, R5WhatIsAbandonedIsWaitedForNoMore) {
  world_.drains_end = false;
  world_.pass(seconds(4), {"beta", "gamma"});
  EXPECT_TRUE(world_.ok(wire::PipelineAbandon{"p"}));
  world_.settle();
  // An empty lane of a higher term ends it.
  std::string at;
  for (const char* agent : {"beta", "gamma"}) {
    if (const wire::StartOrder* one = order(agent, kDrained); one != nullptr) {
      at = agent;
      EXPECT_GT(one->term, 2u);
      EXPECT_EQ(one->log_term, one->term);
      EXPECT_TRUE(one->end);
    }
  }
  ASSERT_NE(at, "");
  world_.agents[at].runs.at(kDrained).ended_and_settled = true;
  world_.settle();
  EXPECT_EQ(world_.state(), PipelineState::kRunning);
  EXPECT_EQ(world_.refused(wire::PipelineAbandon{"p"}), ErrorCode::kConflict);

  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  EXPECT_THAT(world_.agents["alpha"].runs, IsEmpty()) << "what comes back is stopped";
}

TEST_F(LostAgentTest, R5DrainsSurviveARestartOfTheBroker) {
  world_.drains_end = false;
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.restart_broker();
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0", "a.0@1"));
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  EXPECT_NE(order("alpha", kDrained), nullptr);
}

// ---- Stopping and removing

TEST_F(LostAgentTest, AStopDoesNotWaitForALostAgent) {
  world_.pass(seconds(4), {"alpha"});
  EXPECT_TRUE(world_.ok(wire::PipelineStop{"p"}));
  world_.pass(seconds(1), {"alpha"});
  EXPECT_EQ(world_.state(), PipelineState::kStopped);
  world_.hear("beta");
  world_.settle();
  EXPECT_THAT(world_.agents["beta"].runs, IsEmpty()) << "it is told when it is back";
}

// A removal waits for all that keep something of it, but not for those that may never come back.
TEST_F(LostAgentTest, ARemovalDoesNotWaitForAnAgentThatWasLostLongAgo) {
  world_.pass(seconds(4), {"alpha", "gamma"});  // b moves to gamma.
  EXPECT_TRUE(world_.ok(wire::PipelineStop{"p"}));
  world_.pass(seconds(1), {"alpha", "gamma"});
  EXPECT_TRUE(world_.ok(wire::PipelineRemove{"p", true}));
  world_.pass(seconds(2), {"alpha", "gamma"});
  EXPECT_EQ(world_.refused(wire::PipelineStatusRequest{"p"}), ErrorCode::kNotFound);
  world_.hear("beta");
  EXPECT_THAT(world_.agents["beta"].last_remove, ElementsAre(wire::InstanceKey{"p", "b", 0, 0}));
  world_.settle();
  EXPECT_THAT(world_.agents["beta"].runs, IsEmpty()) << "it is told when it is back";
}

TEST_F(LostAgentTest, WhatALostAgentKeepsIsRemovedWhenItIsBack) {
  world_.pass(seconds(4), {"beta", "gamma"});  // a moves to gamma.
  EXPECT_TRUE(world_.ok(wire::PipelineStop{"p"}));
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_TRUE(world_.ok(wire::PipelineRemove{"p", true}));
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_EQ(world_.refused(wire::PipelineStatusRequest{"p"}), ErrorCode::kNotFound);

  world_.restart_broker();
  world_.hear("alpha");
  EXPECT_THAT(world_.agents["alpha"].last_remove, ElementsAre(kSource, kDrained));
  world_.settle();
  EXPECT_THAT(world_.agents["alpha"].runs, IsEmpty());
  world_.forget_connection("alpha");
  world_.hear("alpha");
  EXPECT_THAT(world_.agents["alpha"].last_remove, IsEmpty()) << "once is enough";

  world_.run(chain({node("a", {"alpha"}), node("b", {"beta"})}));
  world_.settle();
  EXPECT_GT(world_.core_state().placement(kSource)->term, 2u) << "no term comes twice";
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0")) << "nothing of the old one is waited for";
  EXPECT_EQ(world_.state(), PipelineState::kRunning);
}

}  // namespace
}  // namespace weir::broker
