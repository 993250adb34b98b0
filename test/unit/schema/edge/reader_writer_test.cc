// The two ends of an edge against each other, step by step. Whole runs with faults are in test/sim.
#include <gtest/gtest.h>

#include "schema/edge/reader.h"
#include "schema/edge/writer.h"

namespace weir::edge {
namespace {

const EdgeName kName{"pipe", "a.0", "b.0"};
constexpr Incarnation kFirst{1, 1, 11};
constexpr Incarnation kSecond{1, 2, 22};
const SteadyTime kNow{};

wire::BlockHeader block(const Incarnation& of, uint64_t first, uint32_t pieces) {
  wire::BlockHeader header;
  header.of = of;
  header.first = first;
  header.pieces = pieces;
  return header;
}

// Lets the two meet; returns the BEGIN.
Begin meet(EdgeWriter& writer, EdgeReader& reader, const History& history) {
  const auto meeting = reader.on_hello(writer.hello(history, history.first(), kNow));
  EXPECT_FALSE(meeting.refuse);
  const auto greeted = writer.on_welcome(reader.welcome(), history, history.first(), kNow);
  EXPECT_TRUE(greeted.begin);
  (void)reader.on_begin(*greeted.begin);
  return *greeted.begin;
}

TEST(EdgeReader, TakesWhatFollowsAndNothingElse) {
  EdgeWriter writer(kName);
  EdgeReader reader(kName, 1000, {});
  meet(writer, reader, History({{kFirst, 1, 10}}));
  using Verdict = EdgeReader::Verdict;
  EXPECT_EQ(reader.on_block(block(kFirst, 1, 3)).verdict, Verdict::kTake);
  EXPECT_EQ(reader.on_block(block(kFirst, 1, 3)).verdict, Verdict::kRepeat);
  const auto overlapping = reader.on_block(block(kFirst, 2, 4));
  EXPECT_EQ(overlapping.verdict, Verdict::kTake);
  EXPECT_EQ(overlapping.skip_pieces, 2u);
  EXPECT_EQ(reader.on_block(block(kFirst, 9, 1)).verdict, Verdict::kAsk);
  EXPECT_EQ(reader.on_block(block(kFirst, 6, 1)).verdict, Verdict::kIgnore) << "asked already";
  EXPECT_EQ(reader.welcome().position, (Position{kFirst, 5}));
}

TEST(EdgeReader, R2RefusesAnEarlierIncarnationAndACopy) {
  EdgeReader reader(kName, 1000, {kSecond, {kSecond, 12}, false, false});
  EdgeWriter writer(kName);
  const auto stale = reader.on_hello(writer.hello(History({{kFirst, 1, 10}}), {1, 1, 1}, kNow));
  ASSERT_TRUE(stale.refuse);
  EXPECT_EQ(stale.refuse->reason, RefuseReason::kStale);
  EXPECT_EQ(stale.refuse->seen, kSecond);
  const auto copy = reader.on_hello(writer.hello(History({{{1, 2, 99}, 1, 10}}), {1, 2, 1}, kNow));
  ASSERT_TRUE(copy.refuse);
  EXPECT_EQ(copy.refuse->reason, RefuseReason::kCopy);
}

// All was settled, and then the reader lost its log or was placed elsewhere: without the END it
// would wait for ever.
TEST(EdgeWriter, R8AReaderThatLostItsLogIsToldTheEndAgain) {
  const History history({{kFirst, 1, 10}, {kSecond, 11, 10}});
  const RecordId end{1, 1, 10};
  EdgeWriter writer(kName);
  EdgeReader first(kName, 1000, {});
  meet(writer, first, history);
  first.set_ended();
  first.set_settled(kEverything);
  writer.on_ack(first.ack(), history, kNow);
  ASSERT_TRUE(writer.satisfied());

  EdgeReader second(kName, 1000, {});
  (void)second.on_hello(writer.hello(history, history.first(), kNow));
  const auto greeted = writer.on_welcome(second.welcome(), history, history.first(), kNow, end);
  ASSERT_TRUE(greeted.begin);
  EXPECT_EQ(greeted.begin->from, end);
  EXPECT_FALSE(writer.satisfied());

  // One that has it, and has not committed it, does not get it twice.
  (void)second.on_begin(*greeted.begin);
  EXPECT_EQ(second.on_block(block(kFirst, 10, 1)).verdict, EdgeReader::Verdict::kTake);
  (void)second.on_hello(writer.hello(history, history.first(), kNow));
  const auto again = writer.on_welcome(second.welcome(), history, history.first(), kNow, end);
  EXPECT_EQ(again.begin->from, (RecordId{1, 2, 11}));
}

TEST(EdgeReader, R2ALostTailIsRewound) {
  EdgeReader reader(kName, 1000, {});
  EdgeWriter before(kName);
  meet(before, reader, History({{kFirst, 1, 10}}));
  (void)reader.on_block(block(kFirst, 1, 10));
  // The writer comes back without its last four records.
  EdgeWriter writer(kName);
  const History history({{kFirst, 1, 6}, {kSecond, 7, 6}});
  const auto meeting = reader.on_hello(writer.hello(history, {1, 1, 1}, kNow));
  EXPECT_TRUE(meeting.persist_seen) << "a later boot is seen: to be synced first";
  const auto greeted = writer.on_welcome(reader.welcome(), history, {1, 1, 1}, kNow);
  ASSERT_TRUE(greeted.begin);
  EXPECT_EQ(greeted.begin->cause, ResumeCause::kLostTail);
  EXPECT_EQ(greeted.begin->from, (RecordId{1, 2, 7}));
  const auto rewind = reader.on_begin(*greeted.begin);
  ASSERT_TRUE(rewind);
  EXPECT_EQ(rewind->keep, (Position{kFirst, 6}));
}

TEST(EdgeReader, AnOldBeginDoesNotTurnItBack) {
  EdgeWriter writer(kName);
  EdgeReader reader(kName, 1000, {});
  const Begin old = meet(writer, reader, History({{kFirst, 1, 10}}));
  (void)reader.on_block(block(kFirst, 1, 10));
  (void)reader.welcome();  // Asked again; the answer is under way.
  EXPECT_FALSE(reader.on_begin(old));
  EXPECT_FALSE(reader.open());
}

TEST(EdgeReader, APingTellsThatSomethingIsMissing) {
  EdgeWriter writer(kName);
  EdgeReader reader(kName, 1000, {});
  meet(writer, reader, History({{kFirst, 1, 10}}));
  EXPECT_FALSE(reader.on_ping({1, {1, 1, 1}}));
  EXPECT_TRUE(reader.on_ping({1, {1, 1, 5}}));
  EXPECT_FALSE(reader.on_ping({99, {1, 1, 5}})) << "of another session";
}

TEST(EdgeWriter, R7SendsWithinCreditAndAlwaysOne) {
  EdgeWriter writer(kName);
  EdgeReader reader(kName, 200, {});
  const History history({{kFirst, 1, 10}});
  meet(writer, reader, history);
  const auto made = [](uint64_t seq, size_t payload) {
    wire::BlockHeader header;
    header.of = kFirst;
    header.first = seq;
    header.pieces = 1;
    header.payload_bytes = static_cast<uint32_t>(payload);
    std::shared_ptr<uint8_t[]> buffer(new uint8_t[wire::kBlockHeaderBytes + payload]());
    return wire::finish_block(std::move(buffer), header);
  };
  EXPECT_TRUE(writer.may_send()) << "nothing outstanding: one block of any size";
  writer.sent(made(1, 500), {1, 1, 2});
  EXPECT_FALSE(writer.may_send());
  writer.on_ack({1, {kFirst, 1}, {}, false, false, false}, history, kNow);
  EXPECT_TRUE(writer.may_send());
  EXPECT_EQ(writer.outstanding_bytes(), 0u);
  writer.on_ack({99, {kFirst, 9}, {kFirst, 9}, true, true, true}, history, kNow);
  EXPECT_FALSE(writer.satisfied()) << "an acknowledgement of another session is void";
}

TEST(EdgeWriter, R3AnAcknowledgementOfMoreThanThereIsIsClipped) {
  EdgeWriter writer(kName);
  EdgeReader reader(kName, 1000, {});
  const History history({{kFirst, 1, 10}});
  meet(writer, reader, history);
  writer.on_ack({1, {kFirst, 99}, {kFirst, 99}, false, false, false}, history, kNow);
  EXPECT_EQ(writer.settled(), (RecordId{1, 1, 10}));
}

TEST(EdgeWriter, R8WantsAgainWhatAReaderWithoutItsLogWants) {
  EdgeWriter writer(kName);
  EdgeReader reader(kName, 1000, {});
  const History history({{kFirst, 1, 10}});
  meet(writer, reader, history);
  writer.on_ack({1, {kFirst, 3}, {}, true, false, false}, history, kNow);
  EXPECT_TRUE(writer.satisfied());
  EdgeReader replaced(kName, 1000, {});
  meet(writer, replaced, history);
  EXPECT_FALSE(writer.satisfied());
  EXPECT_EQ(writer.cursor(), (RecordId{1, 1, 1}));
}

TEST(EdgeWriter, TimesItsGreetingsAndPings) {
  using std::chrono::milliseconds;
  EdgeWriter writer(kName);
  EdgeReader reader(kName, 1000, {});
  const History history({{kFirst, 1, 10}});
  EXPECT_EQ(writer.tick(kNow), EdgeWriter::Tick::kNothing);
  (void)writer.hello(history, {1, 1, 1}, kNow);
  EXPECT_EQ(writer.tick(kNow + milliseconds(600)), EdgeWriter::Tick::kHello);
  EXPECT_EQ(writer.tick(kNow + milliseconds(5000)), EdgeWriter::Tick::kReconnect);
  writer.disconnected();
  meet(writer, reader, history);
  EXPECT_EQ(writer.tick(kNow + milliseconds(1000)), EdgeWriter::Tick::kPing);
  EXPECT_EQ(writer.tick(kNow + milliseconds(5000)), EdgeWriter::Tick::kReconnect);
}

}  // namespace
}  // namespace weir::edge
