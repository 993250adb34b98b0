// Portable sources: a successor begins where the readers of the lost one had settled (R5).
#include <gmock/gmock.h>

#include "test/unit/broker/lost_agent.h"

namespace weir::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using wire::PipelineState;

class PortableTest : public LostAgentTest {
 protected:
  PortableTest() : LostAgentTest(true) {}

  // Its wrapper on this agent reports it.
  void settle_up_to(const std::string& agent, uint64_t records) {
    settle_up_to(agent, {records, ""}, records);
  }
  void settle_up_to(const std::string& agent, const SourcePosition& position, uint64_t seq,
                    uint64_t boot = 1) {
    wire::InstanceStatus& status = world_.instance(agent, "a");
    status.settled_position = position;
    status.settled_record = {status.term, boot, seq};
    world_.hear(agent);
  }
  SourcePosition whole_position_on(const std::string& agent) {
    const wire::StartOrder* one = order(agent, kSource);
    EXPECT_NE(one, nullptr) << agent;
    return one == nullptr ? SourcePosition{} : one->position;
  }
  uint64_t position_on(const std::string& agent) { return whole_position_on(agent).records; }
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

// The wrapper reports less after a restart; what was settled stays so.
TEST_F(PortableTest, R5APositionNeverGoesBack) {
  settle_up_to("alpha", 120);
  settle_up_to("alpha", 7);
  world_.pass(seconds(4), {"beta", "gamma"});
  EXPECT_EQ(position_on("gamma"), 120u);
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  world_.pass(seconds(4), {"alpha", "beta"});  // gamma has not said anything of it.
  EXPECT_EQ(position_on("alpha"), 120u);
}

// What a program attached is as old as the record that it follows, and not compared.
TEST_F(PortableTest, R5PositionsAreOrderedByTheirRecordAndNotByWhatTheySay) {
  settle_up_to("alpha", {120, "z"}, 120);
  settle_up_to("alpha", {130, "a"}, 130);
  settle_up_to("alpha", {125, "m"}, 125);
  world_.pass(seconds(4), {"beta", "gamma"});
  EXPECT_EQ(whole_position_on("gamma"), (SourcePosition{130, "a"}));

  settle_up_to("gamma", {90, "b"}, 7, 2);  // It says less, of a later record.
  settle_up_to("gamma", {95, "c"}, 9, 1);  // Of an earlier boot.
  settle_up_to("gamma", {90, "d"}, 7, 2);  // It moved on, and wrote nothing.
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  world_.pass(seconds(4), {"alpha", "beta"});
  EXPECT_EQ(whole_position_on("alpha"), (SourcePosition{90, "d"}));
}

TEST_F(PortableTest, R5WhatAProgramAttachedSurvivesARestartOfTheBroker) {
  const SourcePosition position{3, std::string("\0\n\xff", 3)};
  settle_up_to("alpha", position, 3);
  world_.pass(milliseconds(250), {"alpha", "beta", "gamma"});
  world_.restart_broker();
  world_.pass(kSilenceAtStart + seconds(1), {"beta", "gamma"});
  EXPECT_EQ(whole_position_on("gamma"), position);
  world_.restart_broker();
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_EQ(whole_position_on("gamma"), position);
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
  const auto stored = [&] {
    return world_.core_state().placement(kSource)->settled_position.records;
  };
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
  EXPECT_TRUE(world_.core_state().placement(kSource)->settled_position.none());
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

// An instance that moved before may not have come so far as the one that it follows.
TEST_F(PortableTest, R5R8WhatWasLeftBehindBeforeItWasToEndIsDrained) {
  world_.drains_end = false;
  settle_up_to("alpha", 120);
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.restart_broker();
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0"));
  EXPECT_EQ(world_.state(), PipelineState::kRunning);
  EXPECT_TRUE(world_.ok(wire::PipelineStop{"p", true}));
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0", "a.0@1"));
  EXPECT_THAT(world_.status().reason, HasSubstr("waits for alpha: its log of a"));
  world_.pass(seconds(1), {"alpha", "beta", "gamma"});
  EXPECT_NE(order("alpha", kDrained), nullptr);
}

TEST_F(PortableTest, R5R8NothingIsDrainedIfAllWasWrittenAgain) {
  world_.pass(seconds(4), {"beta", "gamma"});
  world_.instance("gamma", "a").ended_and_settled = true;
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_TRUE(world_.ok(wire::PipelineStop{"p", true}));
  world_.pass(seconds(1), {"beta", "gamma"});
  EXPECT_THAT(lanes_of_b("beta"), ElementsAre("a.0"));
}

}  // namespace
}  // namespace weir::broker
