#include "ctl/up/sink_lane.h"

#include <gtest/gtest.h>

#include "test/unit/ctl/up/lane_writer.h"

namespace weir::ctl {
namespace {

using test::lane_name;
using test::LaneWriter;
using test::last_ack;

constexpr uint64_t kCredit = 1 << 20;

TEST(SinkLane, AcknowledgesWhatIsWrittenAndNothingElse) {
  SinkLane lane(lane_name(), kCredit, {});
  LaneWriter writer(lane_name());
  EXPECT_EQ(writer.meet(lane), std::nullopt);
  last_ack(lane);
  const wire::Block block = writer.block("a\nb\n");
  lane.on_block(block);
  EXPECT_FALSE(last_ack(lane)) << "nothing is written yet";
  const SinkItem item = lane.take();
  EXPECT_EQ(item.bytes.view(), "a\nb\n");
  EXPECT_EQ(item.records, 2u);
  lane.done(item.last, false);
  const auto ack = last_ack(lane);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->taken, block.header.last_position());
  EXPECT_EQ(ack->settled, block.header.last_position());
  EXPECT_FALSE(ack->ended);

  lane.on_block(writer.mark(wire::kEndMark));
  const SinkItem end = lane.take();
  EXPECT_TRUE(wire::is_end(end.mark));
  lane.done(end.last, true);
  const auto last = last_ack(lane);
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->ended);
  EXPECT_EQ(last->settled, kEverything);
  EXPECT_TRUE(lane.ended());
}

TEST(SinkLane, KeepsSeenBeforeItWelcomes) {
  SinkLane lane(lane_name(), kCredit, {});
  LaneWriter writer(lane_name());
  edge::EdgeWriter other(lane_name());
  EXPECT_FALSE(lane.on_hello(other.hello(writer.history(), {1, 1, 1}, {}), {}));
  EXPECT_TRUE(lane.say().empty()) << "seen is not kept yet";
  EXPECT_TRUE(lane.must_keep_seen());
  EXPECT_FALSE(lane.must_keep_seen()) << "told once";
  lane.seen_kept();
  ASSERT_EQ(lane.say().size(), 1u);
}

TEST(SinkLane, RefusesAnEarlierIncarnationAndAnotherLane) {
  SinkLane lane(lane_name(), kCredit, {{2, 1, 5}, {}, false, false});
  LaneWriter old(lane_name(), {1, 9, 5});
  EXPECT_EQ(old.meet(lane), "refused");
  LaneWriter copy(lane_name(), {2, 1, 6});
  EXPECT_EQ(copy.meet(lane), "refused");
  LaneWriter other(lane_name("sed"), {3, 1, 6});
  EXPECT_EQ(other.meet(lane), "refused");
}

TEST(SinkLane, GoesOnAfterItsPosition) {
  LaneWriter writer(lane_name());
  const wire::Block first = writer.block("a\n");
  SinkLane lane(lane_name(), kCredit, {{1, 1, 7}, first.header.last_position(), false, false});
  EXPECT_EQ(writer.meet(lane), std::nullopt);
  lane.on_block(first);
  EXPECT_FALSE(lane.has_item()) << "a repeat";
  lane.on_block(writer.block("b\n"));
  ASSERT_TRUE(lane.has_item());
  EXPECT_EQ(lane.take().bytes.view(), "b\n");
}

// The position is in the middle of a block: only what follows it is taken.
TEST(SinkLane, SkipsBlocksThatItHas) {
  for (const wire::Shape shape : {wire::Shape::kLines, wire::Shape::kFrames}) {
    LaneWriter writer(lane_name());
    const std::string payload =
        shape == wire::Shape::kLines
            ? "one\ntwo\nthree\n"
            : LaneWriter::frame("one") + LaneWriter::frame("two") + LaneWriter::frame("three\n");
    const wire::Block block = writer.block(payload, false, shape);
    SinkLane lane(lane_name(), kCredit, {{1, 1, 7}, {{1, 1, 7}, 2}, false, false});
    EXPECT_EQ(writer.meet(lane), std::nullopt);
    lane.on_block(block);
    const SinkItem item = lane.take();
    EXPECT_EQ(item.bytes.view(), "three\n");
    EXPECT_EQ(item.records, 1u);
  }
}

TEST(SinkLane, FramesGoWithoutTheirLengths) {
  SinkLane lane(lane_name(), kCredit, {});
  LaneWriter writer(lane_name());
  EXPECT_EQ(writer.meet(lane), std::nullopt);
  const std::string payload =
      LaneWriter::frame("x") + LaneWriter::frame("") + LaneWriter::frame("yz\n");
  lane.on_block(writer.block(payload, false, wire::Shape::kFrames));
  const SinkItem item = lane.take();
  EXPECT_EQ(item.bytes.view(), "xyz\n");
  EXPECT_EQ(item.records, 3u);
}

TEST(SinkLane, ALostTailDropsWhatWaitsAndIsToldIfItWasWritten) {
  SinkLane lane(lane_name(), kCredit, {});
  LaneWriter writer(lane_name());
  EXPECT_EQ(writer.meet(lane), std::nullopt);
  lane.on_block(writer.block("a\n"));
  const SinkItem a = lane.take();
  lane.done(a.last, false);
  lane.on_block(writer.block("b\n"));  // Waits, and is lost: nobody has seen it.
  writer.lose_after(1);
  writer.open({1, 2, 8});
  EXPECT_EQ(writer.meet(lane), std::nullopt);
  EXPECT_FALSE(lane.has_item());
  lane.on_block(writer.block("B\n"));
  const SinkItem b = lane.take();
  EXPECT_EQ(b.bytes.view(), "B\n");
  lane.done(b.last, false);
  writer.replace({2, 1, 9});
  const auto told = writer.meet(lane);
  ASSERT_TRUE(told);
  EXPECT_NE(told->find("seen twice"), std::string::npos);
}

TEST(SinkLane, ARecordThatWillNotBeFinishedIsClosed) {
  SinkLane lane(lane_name(), kCredit, {});
  LaneWriter writer(lane_name());
  EXPECT_EQ(writer.meet(lane), std::nullopt);
  lane.on_block(writer.block("part", true));
  EXPECT_FALSE(lane.take().ends_record);
  writer.replace({2, 1, 9});
  EXPECT_NE(writer.meet(lane), std::nullopt);
  ASSERT_TRUE(lane.has_item());
  EXPECT_TRUE(wire::is_abandoned(lane.take().mark));
}

TEST(SinkLane, EnoughSettlesAllUnread) {
  SinkLane lane(lane_name(), kCredit, {});
  LaneWriter writer(lane_name());
  EXPECT_EQ(writer.meet(lane), std::nullopt);
  lane.on_block(writer.block("a\n"));
  lane.enough();
  EXPECT_FALSE(lane.has_item());
  const auto ack = last_ack(lane);
  ASSERT_TRUE(ack);
  EXPECT_TRUE(ack->enough);
  EXPECT_EQ(ack->settled, kEverything);
  lane.on_block(writer.block("b\n"));
  EXPECT_FALSE(lane.has_item());
  EXPECT_FALSE(lane.ended());
  EXPECT_TRUE(lane.satisfied());
}

TEST(SinkLane, NoNewWindowWhileTheOldOneWaits) {
  SinkLane lane(lane_name(), 4, {});
  LaneWriter writer(lane_name());
  EXPECT_EQ(writer.meet(lane), std::nullopt);
  lane.on_block(writer.block("abcdef\n"));
  EXPECT_EQ(writer.meet(lane), "no welcome");
  lane.take();
  EXPECT_EQ(lane.say().size(), 1u);
}

}  // namespace
}  // namespace weir::ctl
