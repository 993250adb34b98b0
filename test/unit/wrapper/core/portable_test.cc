// Portable sources (R5): where their logs begin, what their programs are told, and how far they say
// that their records are settled.
#include <gtest/gtest.h>

#include "test/unit/wrapper/core/life.h"
#include "wrapper/core/settled_position.h"

namespace weir::core {
namespace {

wire::StartOrder source(uint64_t position = 0) {
  wire::StartOrder order;
  order.pipeline = "test";
  order.term = 2;
  order.node.name = "source";
  order.node.run = "simulated";
  order.node.portable = true;
  order.node.durability = graph::Durability::kDisk;
  order.node.backoff_first = std::chrono::milliseconds(1);
  order.readers = {{"next.0", ""}};
  order.position.records = position;
  return order;
}

using Positions = std::vector<std::string>;

TEST(Portable, R5ALogBeginsWhereTheOrderSaysAndGoesOnFromThere) {
  wal::MemoryLog log;
  {
    Life life(log, source(120));
    EXPECT_EQ(life.positions, Positions{"120"});
    EXPECT_EQ(life.settled(), 120u);
    life.say("121\n122\n");
    life.exit(1);
    EXPECT_EQ(life.positions, (Positions{"120", "122"}));
  }
  // An order of a later term that was only raised.
  wire::StartOrder order = source(120);
  order.term = 3;
  EXPECT_EQ(Life(log, order).positions, Positions{"122"});
  EXPECT_EQ(load(log)->base_position, (SourcePosition{120, ""}));
}

TEST(Portable, R5OnlyAPortableOneBeginsElsewhere) {
  wal::MemoryLog log;
  wire::StartOrder order = source(120);
  order.node.portable = false;
  Life life(log, order);
  EXPECT_EQ(life.positions, Positions{"0"});
  life.say("1\n");
  life.settle();
  EXPECT_EQ(life.settled(), 0u) << "nobody is to go on from there";
}

TEST(Portable, R5FramesAreCountedToo) {
  wal::MemoryLog log;
  wire::StartOrder order = source(120);
  order.node.protocol = graph::Protocol::kFrames;
  Life life(log, order);
  EXPECT_EQ(life.positions, Positions{"120"});
  life.say(std::string("\0\0\0\1x\0\0\0\0\0\0\0\1y", 14));
  life.settle();
  EXPECT_EQ(life.settled(), 122u) << "an empty one is no record";
}

TEST(Portable, R5WhatAllReadersHaveSettledIsReported) {
  wal::MemoryLog log;
  wire::StartOrder order = source();
  order.readers.push_back({"other.0", ""});
  Life life(log, order);
  life.say("1\n2\n3\n");
  EXPECT_EQ(life.settled(), 0u);
  life.settle(0);
  EXPECT_EQ(life.settled(), 0u) << "the other one may need them yet";
  life.settle(1, 2);
  EXPECT_EQ(life.settled(), 0u) << "commits are counted whole";
  life.settle(1);
  EXPECT_EQ(life.settled(), 3u);
  life.say("4\n5\n");
  life.settle(0);
  EXPECT_EQ(life.settled(), 3u);
  life.want_no_more(1);
  EXPECT_EQ(life.settled(), 5u) << "who wants no more holds up nobody";
}

TEST(Portable, R5ARecordInPiecesIsOne) {
  wal::MemoryLog log;
  Life life(log, source());
  life.say(std::string(3 << 20, 'x'));
  life.settle();
  EXPECT_EQ(life.settled(), 0u) << "a part of one";
  life.say("\nsecond\n");
  life.settle();
  EXPECT_EQ(life.settled(), 2u);
}

TEST(Portable, R5AfterARestartWhatWasWrittenBeforeCountsAsAWhole) {
  wal::MemoryLog log;
  {
    Life life(log, source());
    life.say("1\n2\n");
    life.settle();
    life.say("3\n");
    EXPECT_EQ(life.settled(), 2u);
  }
  Life life(log, source());
  EXPECT_EQ(life.positions, Positions{"3"});
  EXPECT_EQ(life.settled(), 0u);
  life.settle();
  EXPECT_EQ(life.settled(), 3u);
}

TEST(Portable, R5WhatIsDrainedSaysNothing) {
  wal::MemoryLog log;
  { Life(log, source()).say("1\n"); }
  wire::StartOrder order = source(5);
  order.drained_term = 2;
  order.end = true;
  Life life(log, order);
  life.settle();
  EXPECT_EQ(life.settled(), 0u);
  EXPECT_TRUE(life.node().ended_and_settled());
}

// A reader that wants no more may lose its log before the sinks have settled what it made.
TEST(Portable, R5R8ItsProgramGoesOnUntilNobodyCanAskAgain) {
  wal::MemoryLog log;
  Life life(log, source(120));
  life.want_no_more(0, false);
  life.say("121\n");
  EXPECT_FALSE(life.stdout_closed);
  EXPECT_EQ(life.sent, "");
  EXPECT_EQ(life.node().unsettled_records(), 1u);
  life.want_no_more(0);
  EXPECT_TRUE(life.stdout_closed);
}

// ---- with `rerun`

wire::StartOrder rerun(uint64_t position) {
  wire::StartOrder order = source(position);
  order.node.rerun = true;
  return order;
}

TEST(Portable, R5OfASourceThatBeginsAnewTheSettledRecordsAreSkipped) {
  wal::MemoryLog log;
  {
    Life life(log, rerun(3));
    EXPECT_EQ(life.positions, Positions{"0"});
    life.say("1\n2\n");
    life.say("3");
    EXPECT_EQ(life.sent, "");
    life.say("\n4\n5\n");
    EXPECT_EQ(life.sent, "4\n5\n");
    life.settle();
    EXPECT_EQ(life.settled(), 5u);
  }
  Life life(log, rerun(3));
  life.say("1\n2\n3\n4\n5\n6\n");
  EXPECT_EQ(life.sent, "4\n5\n6\n") << "what its log has is recognised";
  life.settle();
  EXPECT_EQ(life.settled(), 6u);
}

TEST(Portable, R5OneThatWritesNoMoreThanWasSettledEndsWithNothing) {
  wal::MemoryLog log;
  Life life(log, rerun(3));
  life.say("1\n2\nunfinished");
  life.exit(0);
  EXPECT_EQ(life.sent, "");
  life.settle();
  EXPECT_TRUE(life.node().ended_and_settled());
}

// What is written twice must not be counted twice: a record that nobody had would be skipped.
TEST(Portable, R5WhatIsWrittenAgainAsNewHasThePositionThatItHadBefore) {
  wal::MemoryLog log;
  {
    Life life(log, rerun(1));
    life.say("1\n2\n3\n");
    life.settle();
    EXPECT_EQ(life.settled(), 3u);
  }
  Life life(log, rerun(1));
  life.say("1\n2\nthree\n4\n");
  EXPECT_EQ(life.sent, "2\n3\n2\nthree\n4\n");
  life.settle();
  EXPECT_EQ(life.settled(), 4u);
}

// While it repeats itself, what it writes is held back up to a point that is known; not for ever.
TEST(Rerun, AProgramThatFallsSilentWhileItRepeatsItselfIsHeldBackForTenSeconds) {
  for (const bool silent : {true, false}) {
    wal::MemoryLog log;
    {
      Life life(log, rerun(0));
      life.say("1\n2\n3\n");
    }
    Life life(log, rerun(0));
    life.say("1\n");
    silent ? life.idle(std::chrono::seconds(11)) : life.idle(std::chrono::seconds(9));
    life.say("2\n3\n4\n");
    EXPECT_EQ(life.node().unsettled_records(), silent ? 7u : 4u);
  }
}

TEST(Rerun, WhileTheMachineStoodStillTheProgramWasNotSilent) {
  wal::MemoryLog log;
  {
    Life life(log, rerun(0));
    life.say("1\n2\n3\n");
  }
  Life life(log, rerun(0));
  life.say("1\n");
  life.stand_still(std::chrono::hours(1));
  life.say("2\n3\n4\n");
  EXPECT_EQ(life.node().unsettled_records(), 4u);
}

// ---- bounds

TEST(SettledPosition, R7IsBoundedAndNeverTooHigh) {
  SettledPosition position;
  constexpr uint64_t kCommits = 3 * SettledPosition::kCommitsMax;
  for (uint64_t i = 1; i <= kCommits; ++i) position.committed({1, 1, 2 * i}, {i, ""});
  for (uint64_t seq = 0; seq <= 2 * kCommits; ++seq) {
    position.advance([&](const RecordId& last) { return last.seq <= seq; });
    ASSERT_LE(position.value().records, seq / 2);
    ASSERT_GE(position.value().records + 64, seq / 2) << "it is not far behind";
  }
  EXPECT_EQ(position.value().records, kCommits);
  EXPECT_EQ(position.record(), (RecordId{1, 1, 2 * kCommits}));
}

TEST(SettledPosition, R7WhatProgramsAttachIsBoundedToo) {
  SettledPosition position;
  const auto token = [](uint64_t i) {
    return std::to_string(i) + std::string(kPositionTokenBytesMax - 20, 'x');
  };
  for (uint64_t i = 1; i <= 1000; ++i) position.committed({1, 1, i}, {i, token(i)});
  EXPECT_LT(position.token_bytes(), SettledPosition::kTokenBytesMax + 2 * kPositionTokenBytesMax);
  position.advance([](const RecordId& last) { return last.seq <= 500; });
  EXPECT_LE(position.value().records, 500u);
  position.advance([](const RecordId&) { return true; });
  EXPECT_EQ(position.value(), (SourcePosition{1000, token(1000)}));
  EXPECT_EQ(position.token_bytes(), 0u);
}

// Not higher and not lower: only later ones count.
TEST(SettledPosition, R5ALaterOneCountsWhateverItSays) {
  SettledPosition position;
  const auto all = [](const RecordId&) { return true; };
  position.committed({1, 1, 5}, {5, "e"});
  position.committed({1, 1, 6}, {3, "c"});
  position.committed({1, 1, 6}, {3, "d"});  // It moved on without a record.
  position.advance(all);
  EXPECT_EQ(position.value(), (SourcePosition{3, "d"}));
  EXPECT_EQ(position.record(), (RecordId{1, 1, 6}));
}

}  // namespace
}  // namespace weir::core
