// Lost agents: when one is taken for lost, where its nodes go, and what becomes of the logs of its
// sources (R5, R10).
#include <gmock/gmock.h>

#include "test/unit/broker/world.h"

namespace weir::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using wire::InstanceState;
using wire::PipelineState;

const wire::InstanceKey kSource{"p", "a", 0, 0};
const wire::InstanceKey kDrained{"p", "a", 0, 1};

// a ; b, with a on alpha and b on beta; gamma stands by for both.
class LossesTest : public ::testing::Test {
 protected:
  explicit LossesTest(bool portable = false) {
    for (const char* name : {"alpha", "beta", "gamma"}) {
      world_.agents[name].address = std::string("host-") + name;
      world_.hear(name);
    }
    graph::PipelineSpec spec = chain({node("a", {"alpha", "gamma"}), node("b", {"beta", "gamma"})});
    spec.nodes[0].portable = portable;
    world_.run(std::move(spec));
    world_.settle();
    EXPECT_EQ(world_.state(), PipelineState::kRunning);
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

TEST_F(LossesTest, R10ASilentAndUnheardAgentIsLostAndItsNodesMove) {
  world_.pass(kAgentSilence - milliseconds(500), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
  ASSERT_NE(order("gamma", kSource), nullptr);
  EXPECT_EQ(order("gamma", kSource)->log_term, 2u) << "with an empty log";
  EXPECT_FALSE(order("gamma", kSource)->end);
}

TEST_F(LossesTest, R10WritersArePointedToAMovedReader) {
  world_.pass(seconds(4), {"alpha", "gamma"});
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "gamma in term 2");
  ASSERT_NE(order("alpha", kSource), nullptr);
  EXPECT_EQ(order("alpha", kSource)->readers.at(0).endpoint, "tcp://host-gamma/b");
  EXPECT_EQ(order("alpha", kSource)->term, 1u);
  EXPECT_EQ(world_.state(), PipelineState::kRunning);
}

TEST_F(LossesTest, R10WhatNeighboursHearStaysWhereItIs) {
  world_.instance("beta", "b").heard = {"a.0"};
  world_.pass(seconds(60), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
  EXPECT_EQ(world_.status().nodes.at(0).instances.at(0).status.state, InstanceState::kUnmanaged);
  EXPECT_EQ(world_.state(), PipelineState::kDegraded);
  world_.instance("beta", "b").heard = {"a.1", "x.0"};  // Others.
  world_.pass(kEvidenceLasts + seconds(1), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
}

TEST_F(LossesTest, R10WhatASilentAgentSaidOfItsNeighboursCountsNoMore) {
  world_.instance("alpha", "a").heard = {"b.0"};
  world_.settle();
  world_.pass(seconds(4), {"gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "gamma in term 2");
}

TEST_F(LossesTest, R10WhatAnswersTheBrokersProbeStaysWhereItIs) {
  world_.answers_probes = {"beta"};
  world_.pass(seconds(60), {"alpha", "gamma"});
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "beta in term 1");
  EXPECT_FALSE(world_.probed.empty());
  world_.answers_probes.clear();
  world_.pass(kEvidenceLasts + seconds(1), {"alpha", "gamma"});
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "gamma in term 2");
}

TEST_F(LossesTest, WithoutAnotherHostItWaitsAndSaysForWhom) {
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

TEST_F(LossesTest, AnAgentThatComesBackBeforeAnybodyTookOverGoesOn) {
  world_.pass(seconds(10), {"alpha"});
  world_.hear("beta");
  world_.settle();
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "beta in term 1");
  EXPECT_EQ(world_.state(), PipelineState::kRunning);
}

TEST_F(LossesTest, PinnedNodesStay) {
  EXPECT_TRUE(world_.ok(wire::PipelineRun{"p", {}, {false, 0, "", true}}));
  world_.pass(seconds(60), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
}

TEST_F(LossesTest, ABrokerThatWasStoppedItselfLosesNobody) {
  world_.tick(milliseconds(250));
  world_.tick(seconds(100));
  EXPECT_THAT(world_.core_state().lost, IsEmpty());
  world_.pass(seconds(2), {"alpha", "beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
}

TEST_F(LossesTest, R10ABrokerThatWasCutOffMovesNothing) {
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

TEST_F(LossesTest, R10AShortTimeAloneDoesNotCountAgainstOthers) {
  world_.pass(seconds(2), {});
  world_.pass(milliseconds(1250), {"gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
  world_.pass(seconds(2), {"gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
}

TEST_F(LossesTest, ANewBrokerGivesAgentsTimeToRegister) {
  world_.restart_broker();
  world_.pass(kSilenceAtStart - seconds(1), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
  world_.pass(seconds(2), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
}

// ---- Logs of lost sources

TEST_F(LossesTest, R5TheLogOfALostSourceIsDrainedWhenItsHostIsBack) {
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

// It would take the END of the successor for the end of all, and never have what is drained.
TEST_F(LossesTest, R5TheSuccessorStartsWhenItsReadersReadWhatIsDrained) {
  world_.drains_end = false;
  world_.agents["beta"].holds_back = true;
  world_.pass(seconds(4), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0"));
  EXPECT_EQ(order("gamma", kSource), nullptr);
  world_.agents["beta"].holds_back = false;
  world_.settle();
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0", "a.0@1"));
  EXPECT_NE(order("gamma", kSource), nullptr);
}

// What was drained is settled, but not with the reader that was moved while it was.
TEST_F(LossesTest, R5AReaderThatMovedMeanwhileDoesNotWaitForWhatIsDrained) {
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
TEST_F(LossesTest, R5AMoveThatTheBrokerForgotIsDrainedAllTheSame) {
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
TEST_F(LossesTest, ADrainedLaneOfAnAgentThatWasReplacedHasAnotherTerm) {
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
TEST_F(LossesTest, R5WhoIsPlacedLaterDoesNotReadADrainedLane) {
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  world_.pass(seconds(4), {"alpha", "gamma"});
  EXPECT_EQ(place_of({"p", "b", 0, 0}), "gamma in term 2");
  EXPECT_THAT(lanes_of_b("gamma"), ElementsAre("a.0"));
}

TEST_F(LossesTest, R5AReaderThatMovesReadsWhatIsNotDrainedYet) {
  world_.pass(seconds(4), {"gamma"});  // Both are lost.
  EXPECT_THAT(lanes_of_b("gamma"), ElementsAre("a.0", "a.0@1"));
}

TEST_F(LossesTest, R5ASecondLossIsDrainedToo) {
  world_.drains_end = false;
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  world_.pass(seconds(4), {"alpha", "beta"});  // Back to alpha, whose old log is being drained.
  EXPECT_EQ(place_of(kSource), "alpha in term 3");
  EXPECT_EQ(order("alpha", kSource)->log_term, 3u);
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0", "a.0@1", "a.0@2"));
  EXPECT_NE(order("alpha", kDrained), nullptr);
}

TEST_F(LossesTest, R5ASourceThatHadAllSettledIsNeitherDrainedNorStartedAgain) {
  world_.instance("alpha", "a").ended_and_settled = true;
  world_.hear("alpha");
  world_.pass(seconds(4), {"beta", "gamma"});
  ASSERT_NE(order("gamma", kSource), nullptr);
  EXPECT_TRUE(order("gamma", kSource)->end);
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0"));
}

TEST_F(LossesTest, R5WhatIsAbandonedIsWaitedForNoMore) {
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

TEST_F(LossesTest, R5DrainsSurviveARestartOfTheBroker) {
  world_.drains_end = false;
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.restart_broker();
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0", "a.0@1"));
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  EXPECT_NE(order("alpha", kDrained), nullptr);
}

// ---- Portable sources

class PortableTest : public LossesTest {
 protected:
  PortableTest() : LossesTest(true) {}

  // Its wrapper on this agent reports it.
  void settle_up_to(const std::string& agent, uint64_t position) {
    world_.instance(agent, "a").settled_position = position;
    world_.hear(agent);
  }
  uint64_t position_on(const std::string& agent) {
    const wire::StartOrder* one = order(agent, kSource);
    EXPECT_NE(one, nullptr) << agent;
    return one == nullptr ? 0 : one->position;
  }
};

TEST_F(PortableTest, R5WhatIsNotSettledIsWrittenElsewhereAndNobodyIsWaitedFor) {
  EXPECT_EQ(position_on("alpha"), 0u);
  settle_up_to("alpha", 120);
  world_.pass(seconds(4), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
  EXPECT_EQ(position_on("gamma"), 120u);
  EXPECT_EQ(order("gamma", kSource)->log_term, 2u) << "with an empty log";
  EXPECT_FALSE(order("gamma", kSource)->end);
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0")) << "no other lane";
  EXPECT_EQ(world_.state(), PipelineState::kRunning) << world_.status().reason;
  EXPECT_EQ(world_.refused(wire::PipelineAbandon{"p"}), ErrorCode::kConflict);

  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  EXPECT_THAT(world_.agents["alpha"].runs, IsEmpty()) << "what comes back is stopped";
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
}

TEST_F(PortableTest, R5ASecondHostGoesOnWhereTheFirstOneWas) {
  settle_up_to("alpha", 120);
  world_.pass(seconds(4), {"beta", "gamma"});
  settle_up_to("gamma", 150);
  EXPECT_EQ(position_on("gamma"), 120u) << "its log has begun there";
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  world_.pass(seconds(4), {"alpha", "beta"});
  EXPECT_EQ(place_of(kSource), "alpha in term 3");
  EXPECT_EQ(position_on("alpha"), 150u);
}

// It says less after a restart; what was settled stays so.
TEST_F(PortableTest, R5APositionNeverGoesBack) {
  settle_up_to("alpha", 120);
  settle_up_to("alpha", 7);
  world_.pass(seconds(4), {"beta", "gamma"});
  EXPECT_EQ(position_on("gamma"), 120u);
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  world_.pass(seconds(4), {"alpha", "beta"});  // gamma has not said anything of it.
  EXPECT_EQ(position_on("alpha"), 120u);
}

TEST_F(PortableTest, R5PositionsSurviveARestartOfTheBroker) {
  settle_up_to("alpha", 120);
  world_.pass(milliseconds(250), {"alpha", "beta", "gamma"});
  world_.restart_broker();
  world_.pass(kSilenceAtStart + seconds(1), {"beta", "gamma"});
  EXPECT_EQ(position_on("gamma"), 120u);
  world_.restart_broker();
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
  EXPECT_EQ(position_on("gamma"), 120u) << "a term stands for one beginning";
}

TEST_F(PortableTest, R5PositionsAreNotWrittenWithEachReport) {
  const auto stored = [&] { return world_.core_state().placement(kSource)->settled_position; };
  settle_up_to("alpha", 1);
  world_.pass(milliseconds(250), {"alpha", "beta", "gamma"});
  settle_up_to("alpha", 7);
  world_.pass(kPositionsStored - seconds(1), {"alpha", "beta", "gamma"});
  world_.keep_copy();
  world_.pass(seconds(2), {"alpha", "beta", "gamma"});
  world_.restart_broker();
  EXPECT_EQ(stored(), 7u);
  world_.restore_copy();
  EXPECT_EQ(stored(), 1u);
}

TEST_F(PortableTest, R5AnOldCopyOfTheBrokersStoreGivesALowerPosition) {
  settle_up_to("alpha", 50);
  world_.pass(milliseconds(250), {"alpha", "beta", "gamma"});
  world_.keep_copy();
  settle_up_to("alpha", 120);
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  world_.restore_copy();
  world_.pass(kSilenceAtStart + seconds(1), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
  EXPECT_EQ(position_on("gamma"), 50u);
}

TEST_F(PortableTest, R5AMoveThatTheBrokerForgotIsNotDrainedEither) {
  world_.keep_copy();
  settle_up_to("alpha", 120);
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.restore_copy();
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 3");
  EXPECT_EQ(order("gamma", kSource)->log_term, 2u);
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0"));
}

TEST_F(PortableTest, R5AnAgentThatWasReplacedGoesOnToo) {
  world_.agents["alpha"].identity = "one";
  world_.forget_connection("alpha");
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  settle_up_to("alpha", 120);
  world_.pass(seconds(4), {"beta"});  // Nobody else may have it.
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
  world_.agents["alpha"] = {};
  world_.agents["alpha"].address = "host-alpha";
  world_.agents["alpha"].identity = "another";
  world_.forget_connection("alpha");
  world_.pass(seconds(1), {"alpha", "beta"});
  EXPECT_EQ(place_of(kSource), "alpha in term 2");
  EXPECT_EQ(position_on("alpha"), 120u);
}

TEST_F(PortableTest, R5APositionIsThatOfOnePipeline) {
  settle_up_to("alpha", 120);
  world_.pass(seconds(4), {"beta", "gamma"});
  EXPECT_TRUE(world_.ok(wire::PipelineStop{"p"}));
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_TRUE(world_.ok(wire::PipelineRemove{"p", true}));
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_EQ(world_.refused(wire::PipelineStatusRequest{"p"}), ErrorCode::kNotFound);
  graph::PipelineSpec spec = chain({node("a", {"alpha"})});
  spec.nodes[0].portable = true;
  world_.run(std::move(spec));
  // The wrapper of the one before may still be there.
  world_.pass(milliseconds(250), {"alpha", "beta", "gamma"});
  EXPECT_EQ(world_.core_state().placement(kSource)->settled_position, 0u);
  EXPECT_EQ(position_on("alpha"), 0u);
  EXPECT_EQ(order("alpha", kSource)->log_term, 3u) << "another log than the one that is there";
}

// Elsewhere no program would be started that could write it again.
TEST_F(PortableTest, R5R8OneThatIsToEndIsDrained) {
  world_.drains_end = false;
  settle_up_to("alpha", 120);
  EXPECT_TRUE(world_.ok(wire::PipelineStop{"p", true}));
  world_.pass(seconds(4), {"beta", "gamma"});
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0", "a.0@1"));
  EXPECT_TRUE(order("gamma", kSource)->end);
  EXPECT_THAT(world_.status().reason, HasSubstr("waits for alpha: its log of a"));
}

// A removal waits for all that keep something of it, but not for those that may never come back.
TEST_F(LossesTest, ARemovalDoesNotWaitForAnAgentThatWasLostLongAgo) {
  world_.pass(seconds(4), {"alpha", "gamma"});  // b moves to gamma.
  EXPECT_TRUE(world_.ok(wire::PipelineStop{"p"}));
  world_.pass(seconds(1), {"alpha", "gamma"});
  EXPECT_TRUE(world_.ok(wire::PipelineRemove{"p", true}));
  world_.pass(seconds(2), {"alpha", "gamma"});
  EXPECT_EQ(world_.refused(wire::PipelineStatusRequest{"p"}), ErrorCode::kNotFound);
  world_.hear("beta");
  EXPECT_THAT(world_.agents["beta"].last_remove, ElementsAre(wire::InstanceKey{"p", "b", 0, 0}));
}

// ---- An old copy of the store

// Only the host that is lost for ever bore the term that its readers have seen.
TEST_F(LossesTest, R10WhoIsFencedOutByAForgottenTermGoesAboveIt) {
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

TEST_F(LossesTest, R5AForgottenHostThatIsBackAfterAllIsDrained) {
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
TEST_F(LossesTest, R5ADrainThatTheBrokerForgotGoesOnAndTheSourceBeginsAnew) {
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
TEST_F(LossesTest, R10WhatIsFoundOfACompletedPipelineIsStopped) {
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

// Its agent has another log than the one in the copy: it was away from there in between.
TEST_F(LossesTest, R10TheLogThatIsAtWorkStaysAtWork) {
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
TEST_F(LossesTest, ATermThatNoBrokerGivesFencesNobody) {
  world_.instance("alpha", "a").fenced_by = UINT64_MAX - 1;
  world_.pass(kSilenceAtStart + seconds(1), {"alpha", "beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "alpha in term 1");
}

// A zombie is refused for a term that the broker has given.
TEST_F(LossesTest, R2WhoIsFencedOutByItsSuccessorStaysSo) {
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.agents["alpha"].holds_back = true;
  world_.instance("alpha", "a").fenced_by = 2;
  world_.pass(kSilenceAtStart + seconds(1), {"alpha", "beta", "gamma"});
  EXPECT_EQ(place_of(kSource), "gamma in term 2");
}

// ---- What has ended

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

// Its program would run on nothing, and put that into the place of what is there.
TEST_F(EndedTest, R8ASinkThatHadEndedIsStartedNowhereAnew) {
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

// Its host is back with an old copy of its log: upstream would have to keep all for it.
TEST_F(EndedTest, R8NorDoesItGoOnWhereItWas) {
  world_.pass(seconds(4), {"alpha", "gamma"});
  world_.instance("beta", "b").state = InstanceState::kRunning;
  world_.instance("beta", "b").ended_and_settled = false;
  world_.pass(seconds(2), {"alpha", "beta", "gamma"});
  EXPECT_FALSE(has_b("beta"));
  EXPECT_EQ(world_.status().nodes.at(1).instances.at(0).status.state, InstanceState::kEnded);
  end("gamma", "c");
  EXPECT_EQ(world_.state(), PipelineState::kCompleted);
}

TEST_F(EndedTest, R8NorOnAnotherServerThatTookTheNameOfItsOwn) {
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

// It was being started again when its host was lost.
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

// ---- Stopping and removing

TEST_F(LossesTest, AStopDoesNotWaitForALostAgent) {
  world_.pass(seconds(4), {"alpha"});
  EXPECT_TRUE(world_.ok(wire::PipelineStop{"p"}));
  world_.pass(seconds(1), {"alpha"});
  EXPECT_EQ(world_.state(), PipelineState::kStopped);
  world_.hear("beta");
  world_.settle();
  EXPECT_THAT(world_.agents["beta"].runs, IsEmpty()) << "it is told when it is back";
}

TEST_F(LossesTest, ARemovalDoesNotWaitForALostAgentThatHadAnInnerNode) {
  world_.pass(seconds(4), {"alpha", "gamma"});  // b moves to gamma.
  EXPECT_TRUE(world_.ok(wire::PipelineStop{"p"}));
  world_.pass(seconds(1), {"alpha", "gamma"});
  EXPECT_TRUE(world_.ok(wire::PipelineRemove{"p", true}));
  world_.pass(seconds(1), {"alpha", "gamma"});
  EXPECT_EQ(world_.refused(wire::PipelineStatusRequest{"p"}), ErrorCode::kNotFound);
  world_.hear("beta");
  world_.settle();
  EXPECT_THAT(world_.agents["beta"].runs, IsEmpty()) << "it is told when it is back";
}

TEST_F(LossesTest, WhatALostAgentKeepsIsRemovedWhenItIsBack) {
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
  EXPECT_THAT(world_.agents["alpha"].last_remove, IsEmpty()) << "once is enough";

  world_.run(chain({node("a", {"alpha"}), node("b", {"beta"})}));
  world_.settle();
  EXPECT_GT(world_.core_state().placement(kSource)->term, 2u) << "no term comes twice";
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0")) << "nothing of the old one is waited for";
  EXPECT_EQ(world_.state(), PipelineState::kRunning);
}

}  // namespace
}  // namespace weir::broker
