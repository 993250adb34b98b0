#include "ctl/up/sink_merge.h"

#include <gtest/gtest.h>

#include <memory>

#include "ctl/up/sink_position.h"
#include "test/unit/ctl/up/lane_writer.h"

namespace weir::ctl {
namespace {

using test::lane_name;
using test::LaneWriter;

struct Lane {
  explicit Lane(const std::string& node, const LanePosition& at = {},
                const Incarnation& of = {1, 1, 7})
      : lane(lane_name(node), 1 << 20, at.reader, at.begun), writer(lane_name(node), of) {
    if (of == Incarnation{1, 1, 7}) writer.lose_after(at.reader.frontier.seq);
    EXPECT_EQ(writer.meet(lane), std::nullopt);
  }
  // All blocks from the first one on.
  void resend(const std::vector<std::string>& payloads) {
    LaneWriter from_the_start(lane_name());
    for (const std::string& payload : payloads) {
      const wire::Block block = from_the_start.block(payload);
      if (lane.taken_upto() < block.header.last_id()) lane.on_block(block);
    }
  }
  void add(std::string_view payload, bool continued = false,
           wire::Shape shape = wire::Shape::kLines) {
    lane.on_block(writer.block(payload, continued, shape));
  }
  void mark(const wire::Mark& mark) { lane.on_block(writer.mark(mark)); }

  SinkLane lane;
  LaneWriter writer;
};

// All batches until nothing can be written, as a file or stream would have them.
std::string drain(SinkMerge& merge, std::string so_far = "") {
  while (const auto batch = merge.next()) {
    if (batch->cut_to) so_far.resize(*batch->cut_to);
    for (const SharedBytes& bytes : batch->bytes) so_far += bytes.view();
    for (const auto& reached : batch->done().reached) {
      merge.lanes()[reached.lane]->done(reached.last, reached.end);
    }
  }
  return so_far;
}

TEST(SinkMerge, LanesTakeTurnsByWholeBlocks) {
  Lane a("a");
  Lane b("b");
  SinkMerge merge({&a.lane, &b.lane}, false);
  a.add("a1\na2\n");
  a.add("a3\n");
  b.add("b1\n");
  b.add("b2\n");
  EXPECT_EQ(drain(merge), "a1\na2\nb1\na3\nb2\n");
}

TEST(SinkMerge, NeverSwitchesLanesInsideARecord) {
  Lane a("a");
  Lane b("b");
  SinkMerge merge({&a.lane, &b.lane}, false);
  a.add("long", true);
  b.add("b1\n");
  EXPECT_EQ(drain(merge), "long") << "the lane of the open record is waited for";
  a.add("er", true);
  a.add("\n");
  EXPECT_EQ(drain(merge), "er\nb1\n");
}

TEST(SinkMerge, AMissingDelimiterOnlyAtTheVeryEnd) {
  Lane a("a");
  Lane b("b");
  SinkMerge merge({&a.lane, &b.lane}, false);
  a.add("last");
  a.mark(wire::kEndMark);
  b.add("b1\nb2");
  b.mark(wire::kEndMark);
  EXPECT_EQ(drain(merge), "last\nb1\nb2");
  EXPECT_TRUE(a.lane.ended());
  EXPECT_TRUE(b.lane.ended());
}

TEST(SinkMerge, TheDelimiterIsTheLanesOwn) {
  Lane a("a");
  Lane b("b");
  SinkMerge merge({&a.lane, &b.lane}, false);
  a.add("x", false, wire::Shape::kNul);
  b.add(LaneWriter::frame("f"), false, wire::Shape::kFrames);
  a.add(std::string("y\0", 2), false, wire::Shape::kNul);
  EXPECT_EQ(drain(merge), std::string("x\0fy\0", 5));
}

TEST(SinkMerge, AnAbandonedRecordIsClosedOnAStream) {
  Lane a("a");
  Lane b("b");
  SinkMerge merge({&a.lane, &b.lane}, false);
  a.add("part", true);
  b.add("b1\n");
  EXPECT_EQ(drain(merge), "part");
  a.mark(wire::kAbandonedMark);
  a.add("new\n");
  EXPECT_EQ(drain(merge), "\nb1\nnew\n");
}

TEST(SinkMerge, AnAbandonedRecordIsCutOffAFile) {
  Lane a("a");
  SinkMerge merge({&a.lane}, true);
  a.add("whole\n");
  a.add("part", true);
  a.add("more", true);
  std::string file = drain(merge);
  EXPECT_EQ(file, "whole\npartmore");
  EXPECT_EQ(merge.extent(), (SinkExtent{14, 6, 0, 1, '\n' + 1}));
  a.mark(wire::kAbandonedMark);
  a.add("new\n");
  file = drain(merge, file);
  EXPECT_EQ(file, "whole\nnew\n");
  EXPECT_EQ(merge.extent(), (SinkExtent{10, 10, 0}));
}

// A cut begins a batch of its own: in the one before it would come too early.
TEST(SinkMerge, CutsWhatWaitsWhenALaneLostItsTail) {
  Lane a("a");
  SinkMerge merge({&a.lane}, true);
  a.add("whole\n");
  a.add("part", true);
  a.mark(wire::kAbandonedMark);
  a.add("new\n");
  EXPECT_EQ(drain(merge), "whole\nnew\n");
}

TEST(SinkMerge, AnOpenRecordIsCutOffAfterAResumeToo) {
  Lane a("a");
  SinkMerge merge({&a.lane}, true, {10, 6, 0, 1, '\n' + 1});
  a.mark(wire::kAbandonedMark);
  a.add("new\n");
  EXPECT_EQ(drain(merge, "whole\npart"), "whole\nnew\n");
}

// What is on a stream of a write that failed is not written again.
TEST(SinkMerge, APartOfABatchIsGoneOnWithToTheByte) {
  const std::string all = "a1\na2\nb1\nb2\na3\n";
  Lane written_a("a");
  Lane written_b("b");
  SinkMerge merge({&written_a.lane, &written_b.lane}, false);
  written_a.add("a1\na2\n");
  written_b.add("b1\nb2\n");
  written_a.add("a3\n");
  const auto batch = merge.next();
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->size, all.size());
  for (size_t written = 0; written <= all.size(); ++written) {
    const SinkMerge::Done done = batch->done(written);
    std::vector<LanePosition> at(2);
    for (const auto& reached : done.reached) at[reached.lane].reader.frontier = reached.last;
    if (done.begun) at[done.begun->first].begun = done.begun->second;
    Lane a("a", at[0]);
    Lane b("b", at[1]);
    SinkMerge again({&a.lane, &b.lane}, false, done.extent);
    a.resend({"a1\na2\n", "a3\n"});
    b.resend({"b1\nb2\n"});
    const std::string out = drain(again, all.substr(0, written));
    // The lanes may take their turns in another order.
    EXPECT_TRUE(out == all || out == "a1\na2\na3\nb1\nb2\n") << written << ": " << out;
  }
}

// The log that had the rest of a record is lost: what came of it is closed.
TEST(SinkMerge, WhatWasBegunAndIsReplacedIsClosed) {
  LanePosition at;
  at.begun = {{{1, 1, 7}, 1}, 2, '\n' + 1};
  Lane a("a", at, {2, 1, 9});
  SinkMerge merge({&a.lane}, false, {0, 0, 0, 1, '\n' + 1});
  a.add("new\n");
  EXPECT_EQ(drain(merge, "a1"), "a1\nnew\n");
}

TEST(SinkMerge, AnOpenRecordOfAnEarlierRunIsGoneOnWithFirst) {
  Lane a("a");
  Lane b("b");
  SinkMerge merge({&a.lane, &b.lane}, false, {0, 0, 0, 1, '\n' + 1});
  b.add("b1\n");
  EXPECT_EQ(drain(merge), "");
  a.add("er\n");
  EXPECT_EQ(drain(merge), "er\nb1\n");
}

TEST(SinkMerge, BatchesAreBounded) {
  Lane a("a");
  SinkMerge merge({&a.lane}, false);
  const std::string line = std::string(400'000, 'x') + "\n";
  for (int i = 0; i < 6; ++i) a.add(line);
  size_t batches = 0;
  while (const auto batch = merge.next()) {
    EXPECT_LE(batch->size, SinkMerge::kBatchBytes + line.size());
    ++batches;
  }
  EXPECT_EQ(batches, 2u);
}

TEST(SinkPosition, ReadsBackAndIsWhole) {
  SinkPosition position;
  position.run = 0x1234567890abcdefULL;
  position.lanes.resize(2);
  position.lanes[1].reader.seen = {3, 4, 5};
  position.lanes[1].reader.frontier = {{3, 4, 5}, 6};
  position.lanes[1].reader.ended = true;
  position.lanes[0].begun = {{{7, 8, 9}, 10}, 1 << 20, 11};
  position.extent = {100, 90, 11, 2, 1};
  const std::string bytes = encode(position);
  const auto again = decode_position(bytes);
  ASSERT_TRUE(again);
  EXPECT_EQ(encode(*again), bytes);
  EXPECT_EQ(again->extent, position.extent);
  EXPECT_TRUE(again->lanes[1].reader.ended);
  EXPECT_EQ(again->lanes[0].begun, position.lanes[0].begun);
  EXPECT_LE(bytes.size(), SinkPosition::bytes_max(2));
  for (size_t i = 0; i < bytes.size(); ++i) EXPECT_FALSE(decode_position(bytes.substr(0, i))) << i;
  EXPECT_FALSE(decode_position("X" + bytes.substr(1)));
}

}  // namespace
}  // namespace weir::ctl
