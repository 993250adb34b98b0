#include "ctl/up/stdin_lane.h"

#include <gtest/gtest.h>

#include <cstring>

#include "schema/edge/reader.h"

namespace weir::ctl {
namespace {

edge::EdgeName name() { return {"up", "weirctl.0", "-.0"}; }

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// The wrapper's end: an EdgeReader, and what it has taken.
struct Relay {
  edge::EdgeReader reader;
  std::string taken;
  size_t blocks = 0;
  Position last;
  bool end = false;

  explicit Relay(const edge::ReaderDurable& durable = {}, uint64_t credit = 64u << 20)
      : reader(name(), credit, durable) {}

  void meet(StdinLane& lane) {
    ASSERT_FALSE(reader.on_hello(lane.hello({})).refuse);
    const auto begin = lane.on_frame(reader.welcome(), {});
    ASSERT_TRUE(begin);
    reader.on_begin(std::get<edge::Begin>(*begin));
  }
  void take_all(StdinLane& lane) {
    while (const wire::Block* sent = lane.to_send()) {
      const wire::Block block = *sent;
      lane.sent(block);
      ASSERT_EQ(reader.on_block(block.header).verdict, edge::EdgeReader::Verdict::kTake);
      taken += block.payload().view();
      last = block.header.last_position();
      end = end || block.header.is_end();
      ++blocks;
    }
  }
  void settle(StdinLane& lane, const Position& upto) {
    reader.set_taken(upto);
    reader.set_settled(upto);
    lane.on_frame(reader.ack(), {});
  }
};

TEST(StdinLane, CutsAtRecordEnds) {
  StdinLane lane(name(), 7, '\n', {});
  Relay relay;
  relay.meet(lane);
  lane.added(bytes_of("a\nb\nc"));
  relay.take_all(lane);
  EXPECT_EQ(relay.taken, "a\nb\n");
  lane.added(bytes_of("c\n"));
  lane.added(bytes_of("tail"));
  lane.end();
  relay.take_all(lane);
  EXPECT_EQ(relay.taken, "a\nb\ncc\ntail");
  EXPECT_TRUE(relay.end);
  EXPECT_FALSE(lane.wants_input());
}

TEST(StdinLane, NulDelimiter) {
  StdinLane lane(name(), 7, '\0', {});
  Relay relay;
  relay.meet(lane);
  lane.added(bytes_of(std::string_view("a\nb\0c\n", 6)));
  relay.take_all(lane);
  EXPECT_EQ(relay.taken, std::string("a\nb\0", 4));
}

TEST(StdinLane, LongRecordsComeInPiecesAndTheLastIsNeverEmpty) {
  const std::string record = std::string(3u << 20, 'x') + "\n";
  for (const size_t step : {size_t{1000}, size_t{256} << 10, record.size()}) {
    StdinLane lane(name(), 7, '\n', {});
    Relay relay;
    relay.meet(lane);
    for (size_t at = 0; at < record.size(); at += step) {
      lane.added(bytes_of(std::string_view(record).substr(at, step)));
    }
    std::vector<wire::BlockHeader> headers;
    while (const wire::Block* block = lane.to_send()) {
      headers.push_back(block->header);
      ASSERT_GT(block->header.payload_bytes, 0u);
      const wire::Block copy = *block;
      lane.sent(copy);
    }
    ASSERT_EQ(headers.size(), 4u) << step;
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(headers[i].continued, i < 3);
  }
  // Exactly as long as a block: its end is not known yet when the block is full.
  StdinLane lane(name(), 7, '\n', {});
  lane.added(bytes_of(std::string(1u << 20, 'y')));
  lane.end();
  Relay relay;
  relay.meet(lane);
  relay.take_all(lane);
  EXPECT_EQ(relay.taken, std::string(1u << 20, 'y'));
  EXPECT_EQ(relay.blocks, 3u);
}

TEST(StdinLane, HoldsUntilSettledAndStopsReadingWhenFull) {
  StdinLane lane(name(), 7, '\n', {});
  Relay relay;
  relay.meet(lane);
  const std::string line = std::string(100'000, 'x') + "\n";
  while (lane.wants_input()) lane.added(bytes_of(line));
  EXPECT_LE(lane.held_bytes(), StdinLane::kHeldBytesMax + line.size() + 100);
  relay.take_all(lane);
  EXPECT_FALSE(lane.wants_input()) << "sent, but not in the wrapper's log";
  // The wrapper dies and comes back without anything: all is sent again.
  Relay again({{}, {}, false, false});
  again.meet(lane);
  again.take_all(lane);
  EXPECT_EQ(again.taken, relay.taken);
  again.settle(lane, again.last);
  EXPECT_EQ(lane.held_bytes(), 0u);
  EXPECT_TRUE(lane.wants_input());
}

TEST(StdinLane, GoesOnAfterWhatTheWrapperHas) {
  StdinLane lane(name(), 7, '\n', {});
  lane.added(bytes_of("a\n"));
  lane.added(bytes_of("b\n"));
  lane.added(bytes_of("c\n"));
  Relay relay({{1, 1, 7}, {{1, 1, 7}, 2}, false, false});
  relay.meet(lane);
  relay.take_all(lane);
  EXPECT_EQ(relay.taken, "c\n");
}

TEST(StdinLane, IsFinishedWhenTheWrapperHasTheEnd) {
  StdinLane lane(name(), 7, '\n', {});
  Relay relay;
  relay.meet(lane);
  lane.end();
  relay.take_all(lane);
  EXPECT_FALSE(lane.finished());
  relay.reader.set_ended();
  relay.settle(lane, kEverything);
  EXPECT_TRUE(lane.finished());
  EXPECT_FALSE(lane.was_ended_before());
  EXPECT_EQ(lane.held_bytes(), 0u);
}

TEST(StdinLane, AnotherRunsStdinFollows) {
  StdinLane first(name(), 7, '\n', {});
  Relay relay;
  relay.meet(first);
  first.added(bytes_of("a\n" + std::string(1u << 20, 'x')));
  relay.take_all(first);
  relay.settle(first, relay.last);
  const auto durable = decode_stdin(encode(first.durable()));
  ASSERT_TRUE(durable);
  EXPECT_TRUE(durable->mid_record);

  StdinLane second(name(), 8, '\n', *durable);
  second.added(bytes_of("b\n"));
  Relay resumed({{1, 1, 7}, relay.last, false, false});
  resumed.meet(second);
  const wire::Block* mark = second.to_send();
  ASSERT_NE(mark, nullptr);
  EXPECT_TRUE(mark->header.mark == wire::kAbandonedMark)
      << "nothing will finish the record that was open";
  EXPECT_EQ(mark->header.of, (Incarnation{1, 2, 8}));
  resumed.take_all(second);
  EXPECT_EQ(resumed.taken, "b\n");
}

TEST(StdinLane, AnEarlierRunHasReadItToTheEnd) {
  StdinLane lane(name(), 8, '\n', StdinDurable{{{1, 1, 7}, 1, 5}, false});
  Relay relay({{1, 1, 7}, {{1, 1, 7}, 5}, false, true});
  relay.meet(lane);
  EXPECT_TRUE(lane.was_ended_before());
  EXPECT_FALSE(lane.wants_input());
}

TEST(StdinLane, DamagedStateIsRefused) {
  EXPECT_FALSE(decode_stdin(""));
  EXPECT_FALSE(decode_stdin("WSI1"));
  EXPECT_FALSE(decode_stdin(encode(StdinDurable{}))) << "no incarnation";
}

}  // namespace
}  // namespace weir::ctl
