// Sources that attach positions: what they are told at a start, and that records and positions are
// committed together.
#include <gtest/gtest.h>

#include "schema/base/codec.h"
#include "schema/wire/source_protocol.h"
#include "test/unit/wrapper/core/life.h"

namespace weir::core {
namespace {

using wire::encode;
using wire::SourceKind;
using wire::SourceMessage;

wire::StartOrder source() {
  wire::StartOrder order;
  order.pipeline = "test";
  order.term = 2;
  order.node.name = "source";
  order.node.action = "weir:test";
  order.node.protocol = graph::Protocol::kPositions;
  order.node.durability = graph::Durability::kDisk;
  order.node.retries = 1;
  order.node.backoff_first = std::chrono::milliseconds(1);
  order.node.backoff_max = std::chrono::milliseconds(1);
  order.readers = {{"next.0", ""}};
  return order;
}

std::string records(std::string_view data, std::string_view position) {
  return encode(SourceMessage{SourceKind::kRecords, position, data});
}
std::string piece(std::string_view data) {
  return encode(SourceMessage{SourceKind::kPiece, {}, data});
}
std::string abandon() { return encode(SourceMessage{SourceKind::kAbandon, {}, {}}); }
std::string start(std::string_view position) {
  return encode(SourceMessage{SourceKind::kStart, position, {}});
}

SourcePosition position_in(const wal::MemoryLog& log) { return load(log)->commit.position; }

TEST(PositionSource, R4ItGoesOnFromThePositionThatWasCommittedWithItsRecords) {
  wal::MemoryLog log;
  const std::string token("\0\n\xff", 3);
  {
    Life life(log, source());
    EXPECT_EQ(life.fed, start(""));
    life.say(records("a\nb\n", "1") + records("c\n", token));
    EXPECT_EQ(life.sent, "a\nb\nc\n");
    EXPECT_EQ(position_in(log), (SourcePosition{3, token}));
    life.exit(1);
    EXPECT_EQ(life.fed, start("") + start(token)) << "a new run of the program";
  }
  Life life(log, source());
  EXPECT_EQ(life.fed, start(token));
  life.say(records("d\n", "4"));
  life.exit(0);
  EXPECT_TRUE(life.node().ended());
  EXPECT_EQ(position_in(log), (SourcePosition{4, "4"}));
}

TEST(PositionSource, R4WhatIsNotInTheLogIsNoPositionEither) {
  wal::MemoryLog log;
  {
    Life life(log, source());
    life.say(records("a\n", "1"));
    const std::span<uint8_t> space = life.node().output_space();
    const std::string more = records("b\n", "2");
    std::copy(more.begin(), more.end(), space.begin());
    life.node().on_output(more.size());
    life.turns_that_lose_writes();
    EXPECT_EQ(life.sent, "a\n");
  }
  EXPECT_EQ(position_in(log), (SourcePosition{1, "1"}));
  EXPECT_EQ(Life(log, source()).fed, start("1"));
}

TEST(PositionSource, R4HalfAMessageCountsForNothing) {
  wal::MemoryLog log;
  Life life(log, source());
  const std::string whole = records("a\nb\n", "2");
  life.say(records("x\n", "1") + whole.substr(0, whole.size() - 1));
  EXPECT_EQ(life.sent, "x\n");
  life.exit(1);
  EXPECT_EQ(life.fed, start("") + start("1"));
  life.say(whole);
  EXPECT_EQ(life.sent, "x\na\nb\n");
}

TEST(PositionSource, APositionMovesWithoutRecords) {
  wal::MemoryLog log;
  {
    Life life(log, source());
    life.say(records("", "began"));
    EXPECT_EQ(position_in(log), (SourcePosition{0, "began"}));
    life.say(records("a\n", "1"));
    life.say(records("", "2"));
  }
  EXPECT_EQ(position_in(log), (SourcePosition{1, "2"}));
  EXPECT_EQ(Life(log, source()).fed, start("2"));
}

// One turn of the loop may see many messages, and a message may be many blocks.
TEST(PositionSource, R4ALargeChunkIsOneCommit) {
  wal::MemoryLog log;
  Life life(log, source());
  std::string data;
  while (data.size() < (900u << 10)) data += "a line of some bytes\n";
  const auto count = static_cast<uint64_t>(std::count(data.begin(), data.end(), '\n'));
  const std::string whole = records(data, "1");
  for (size_t at = 0; at < whole.size() - 1; at += 50'000) {
    life.say(std::string_view(whole).substr(at, std::min<size_t>(50'000, whole.size() - 1 - at)));
    ASSERT_EQ(position_in(log), SourcePosition{});
    ASSERT_EQ(life.sent, "");
  }
  life.say(std::string_view(whole).substr(whole.size() - 1));
  EXPECT_EQ(position_in(log), (SourcePosition{count, "1"}));
  EXPECT_EQ(life.sent, data);
}

TEST(PositionSource, ARecordHasAnySizeInPieces) {
  wal::MemoryLog log;
  Life life(log, source());
  life.say(records("first\n", "1"));
  const std::string part(700u << 10, 'x');
  for (int i = 0; i < 5; ++i) {
    life.say(piece(part));
    EXPECT_EQ(position_in(log), (SourcePosition{1, "1"})) << "not before its end";
  }
  life.say(records("end\nnext\n", "3"));
  EXPECT_EQ(position_in(log), (SourcePosition{3, "3"}));
  EXPECT_EQ(life.sent, "first\n" + part + part + part + part + part + "end\nnext\n");
}

TEST(PositionSource, ARecordThatNeverEndsIsTakenBack) {
  const std::string part(1u << 20, 'x');
  const auto taken_back = std::string(Life::kTakenBack);
  wal::MemoryLog log;
  {
    Life life(log, source());
    life.say(records("a\n", "1") + piece(part) + piece("y"));
    life.say(abandon());
    life.say(records("b\n", "2"));
    EXPECT_EQ(life.sent.substr(life.sent.size() - taken_back.size() - 2), taken_back + "b\n");
    life.say(piece("short") + abandon() + records("c\n", "3"));
    EXPECT_EQ(life.sent.substr(life.sent.size() - 4), "b\nc\n") << "nothing of it was sent";
    // Its program dies.
    life.sent.clear();
    life.say(piece(part) + piece("y"));
    life.exit(1);
    life.say(records("d\n", "4"));
    EXPECT_EQ(life.sent.substr(life.sent.size() - taken_back.size() - 2), taken_back + "d\n");
    life.say(piece(part) + piece("y"));
  }
  EXPECT_TRUE(load(log)->commit.mid_record);
  Life life(log, source());  // Its wrapper did.
  EXPECT_EQ(life.fed, start("4"));
  life.say(records("e\n", "5"));
  EXPECT_EQ(life.sent.substr(life.sent.size() - taken_back.size() - 2), taken_back + "e\n");
  EXPECT_EQ(position_in(log), (SourcePosition{5, "5"}));
}

TEST(PositionSource, R11ABrokenProtocolIsSaidAndTriedAgain) {
  const std::string large(kPositionTokenBytesMax + 1, 'x');
  const std::pair<std::string, std::string> kCases[] = {
      {records("a\n", ""), "wrote records without a position"},
      {records("a", "1"), "wrote a position in the middle of a record"},
      {piece("a") + records("", "1"), "wrote a position in the middle of a record"},
      {encode(SourceMessage{SourceKind::kPiece, "1", "a"}), "wrote a piece with a position"},
      {piece("a\nb"), "wrote whole records as a piece of one"},
      {start(""), "wrote a message of kind 1, which is none"},
      {encode(SourceMessage{static_cast<SourceKind>(9), "", ""}),
       "wrote a message of kind 9, which is none"},
      {Encoder().u32(2).u32(kPositionTokenBytesMax + 1).u32(0).bytes(),
       "wrote a message with 65537 bytes of position; the limit is 65536"},
  };
  for (const auto& [bytes, why] : kCases) {
    wal::MemoryLog log;
    Life life(log, source());
    life.may_fail = true;
    life.say(records("good\n", "0"));
    life.say(bytes);
    EXPECT_EQ(life.terminated, 1) << why;
    life.exit(0);
    EXPECT_EQ(life.runs, 2) << why;
    life.say(bytes);
    life.exit(0);
    EXPECT_EQ(life.failure, why + ", 2 times; last line of its stderr: (none)");
    EXPECT_EQ(life.sent, "good\n");
    EXPECT_EQ(position_in(log), (SourcePosition{1, "0"}));
  }
}

TEST(PositionSource, R9ProgressStartsTheCountOfFailuresAnew) {
  wal::MemoryLog log;
  Life life(log, source());
  for (int i = 0; i < 5; ++i) {
    life.say(records("", std::to_string(i)));
    life.exit(3);
    EXPECT_EQ(life.failure, "") << i;
  }
  life.may_fail = true;
  life.exit(3);
  EXPECT_EQ(life.failure, "exited with status 3, 2 times; last line of its stderr: (none)");
}

TEST(PositionSource, R8WhoWantsNoMoreEndsIt) {
  wal::MemoryLog log;
  Life life(log, source());
  life.say(records("a\n", "1"));
  life.want_no_more(0);
  EXPECT_TRUE(life.stdout_closed);
  RunEnd end;
  end.kind = RunEnd::Kind::kSignaled;
  end.code = 13;
  life.node().on_run_end(end);
  life.turns();
  EXPECT_TRUE(life.node().ended());
}

TEST(PositionSource, R5AReplacementGoesOnFromThePositionThatWasSettled) {
  wal::MemoryLog log;
  wire::StartOrder order = source();
  order.node.portable = true;
  order.position = {7, "seven"};
  {
    Life life(log, order);
    EXPECT_EQ(life.fed, start("seven"));
    EXPECT_EQ(life.report().settled_position, (SourcePosition{7, "seven"}));
    life.say(records("a\n", "eight"));
    EXPECT_EQ(life.report().settled_position, (SourcePosition{7, "seven"}));
    life.settle();
    EXPECT_EQ(life.report().settled_position, (SourcePosition{8, "eight"}));
    const RecordId record = life.report().settled_record;
    life.say(records("", "more"));
    EXPECT_EQ(life.report().settled_position, (SourcePosition{8, "more"}));
    EXPECT_EQ(life.report().settled_record, record);
  }
  EXPECT_EQ(Life(log, order).fed, start("more")) << "the log knows better than the order";
}

}  // namespace
}  // namespace weir::core
