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
  explicit Lane(const std::string& node)
      : lane(lane_name(node), 1 << 20, {}), writer(lane_name(node)) {
    EXPECT_EQ(writer.meet(lane), std::nullopt);
  }
  void add(std::string_view payload, uint8_t flags = 0, wire::Shape shape = wire::Shape::kLines) {
    lane.on_block(writer.block(payload, flags, shape));
  }
  void mark(uint8_t flag) { lane.on_block(writer.mark(flag)); }

  SinkLane lane;
  LaneWriter writer;
};

// All batches until nothing can be written, as a file or stream would have them.
std::string drain(SinkMerge& merge, std::string so_far = "") {
  while (const auto batch = merge.next()) {
    if (batch->cut_to) so_far.resize(*batch->cut_to);
    for (const SharedBytes& bytes : batch->bytes) so_far += bytes.view();
    for (const auto& reached : batch->reached) {
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

TEST(SinkMerge, NotInsideARecord) {
  Lane a("a");
  Lane b("b");
  SinkMerge merge({&a.lane, &b.lane}, false);
  a.add("long", wire::kContinued);
  b.add("b1\n");
  EXPECT_EQ(drain(merge), "long") << "the lane of the open record is waited for";
  a.add("er", wire::kContinued);
  a.add("\n");
  EXPECT_EQ(drain(merge), "er\nb1\n");
}

TEST(SinkMerge, AMissingDelimiterOnlyAtTheVeryEnd) {
  Lane a("a");
  Lane b("b");
  SinkMerge merge({&a.lane, &b.lane}, false);
  a.add("last");
  a.mark(wire::kEnd);
  b.add("b1\nb2");
  b.mark(wire::kEnd);
  EXPECT_EQ(drain(merge), "last\nb1\nb2");
  EXPECT_TRUE(a.lane.ended());
  EXPECT_TRUE(b.lane.ended());
}

TEST(SinkMerge, TheDelimiterIsTheLanesOwn) {
  Lane a("a");
  Lane b("b");
  SinkMerge merge({&a.lane, &b.lane}, false);
  a.add("x", 0, wire::Shape::kNul);
  b.add(LaneWriter::frame("f"), 0, wire::Shape::kFrames);
  a.add(std::string("y\0", 2), 0, wire::Shape::kNul);
  EXPECT_EQ(drain(merge), std::string("x\0fy\0", 5));
}

TEST(SinkMerge, AnAbandonedRecordIsClosedOnAStream) {
  Lane a("a");
  Lane b("b");
  SinkMerge merge({&a.lane, &b.lane}, false);
  a.add("part", wire::kContinued);
  b.add("b1\n");
  EXPECT_EQ(drain(merge), "part");
  a.mark(wire::kAbandoned);
  a.add("new\n");
  EXPECT_EQ(drain(merge), "\nb1\nnew\n");
}

TEST(SinkMerge, AnAbandonedRecordIsCutOffAFile) {
  Lane a("a");
  SinkMerge merge({&a.lane}, true);
  a.add("whole\n");
  a.add("part", wire::kContinued);
  a.add("more", wire::kContinued);
  std::string file = drain(merge);
  EXPECT_EQ(file, "whole\npartmore");
  EXPECT_EQ(merge.extent(), (SinkExtent{14, 6, 0}));
  a.mark(wire::kAbandoned);
  a.add("new\n");
  file = drain(merge, file);
  EXPECT_EQ(file, "whole\nnew\n");
  EXPECT_EQ(merge.extent(), (SinkExtent{10, 10, 0}));
}

// In one batch the cut would come too early: it begins a batch of its own.
TEST(SinkMerge, ACutInTheMiddleOfWhatWaits) {
  Lane a("a");
  SinkMerge merge({&a.lane}, true);
  a.add("whole\n");
  a.add("part", wire::kContinued);
  a.mark(wire::kAbandoned);
  a.add("new\n");
  EXPECT_EQ(drain(merge), "whole\nnew\n");
}

TEST(SinkMerge, AnOpenRecordIsCutOffAfterAResumeToo) {
  Lane a("a");
  SinkMerge merge({&a.lane}, true, {10, 6, 0});
  a.mark(wire::kAbandoned);
  a.add("new\n");
  EXPECT_EQ(drain(merge, "whole\npart"), "whole\nnew\n");
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

TEST(SinkPosition, ReadsBackAndSeesDamage) {
  SinkPosition position;
  position.run = 0x1234567890abcdefULL;
  position.reader.seen = {3, 4, 5};
  position.reader.frontier = {{3, 4, 5}, 6};
  position.reader.ended = true;
  position.extent = {100, 90, 11};
  const std::string bytes = encode(position);
  const auto again = decode_position(bytes);
  ASSERT_TRUE(again);
  EXPECT_EQ(encode(*again), bytes);
  EXPECT_EQ(again->extent, position.extent);
  EXPECT_TRUE(again->reader.ended);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(decode_position(bad)) << i;
    EXPECT_FALSE(decode_position(bytes.substr(0, i))) << i;
  }
}

}  // namespace
}  // namespace weir::ctl
