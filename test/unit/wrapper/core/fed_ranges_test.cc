#include "wrapper/core/fed_ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench.h"
#include "wrapper/core/state.h"
#include "wrapper/wal/keys.h"
#include "wrapper/wal/memory_log.h"

namespace weir::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Incarnation kFirst{3, 1, 77};
const Incarnation kSecond{3, 2, 78};

size_t chunks_in(const wal::MemoryLog& log) {
  size_t count = 0;
  for (const auto& [key, value] : log.contents()) count += key[0] == wal::kFed ? 1 : 0;
  return count;
}

size_t bytes_in(const wal::MemoryLog& log) {
  size_t bytes = 0;
  for (const auto& [key, value] : log.contents()) {
    if (key[0] == wal::kFed) bytes += key.size() + value.size();
  }
  return bytes;
}

std::vector<FedRange> replayed(FedRanges& ranges) {
  std::vector<FedRange> all;
  for (Status read = ranges.rewind(); read && ranges.next(); read = ranges.advance()) {
    all.push_back(*ranges.next());
  }
  return all;
}

class FedRangesTest : public ::testing::Test {
 protected:
  void add(const std::string& lane, const Position& to) {
    wal::LogBatch batch;
    const uint64_t chunk = ranges_.add(lane, to, batch);
    ASSERT_TRUE(log_.write(batch, true));
    ranges_.persisted(chunk);
  }
  // As after a crash.
  FedRanges reopened() {
    const Result<LogState> state = load_without_blocks(log_);
    EXPECT_TRUE(state) << state.error().what;
    return {log_, state->fed_chunks, state->fed};
  }

  wal::MemoryLog log_;
  FedRanges ranges_{log_, 0, {}};
};

TEST_F(FedRangesTest, OfOneLaneInARowAreOne) {
  for (uint64_t seq = 1; seq <= 100; ++seq) add("a.0", {kFirst, seq});
  add("b.0", {kFirst, 5});
  add("a.0", {kFirst, 101});
  const auto expected = ElementsAre(FedRange{"a.0", {kFirst, 100}}, FedRange{"b.0", {kFirst, 5}},
                                    FedRange{"a.0", {kFirst, 101}});
  EXPECT_THAT(replayed(ranges_), expected);
  FedRanges again = reopened();
  EXPECT_THAT(replayed(again), expected);
}

// Two logs that are followed, a line now from this and now from that one.
TEST_F(FedRangesTest, OfTwoLanesInTurnCostAboutTwoBytesEach) {
  std::vector<FedRange> all;
  for (uint64_t seq = 1; seq <= 20'000; ++seq) {
    for (const char* lane : {"left.0", "right.0"}) {
      add(lane, {kFirst, seq * 3});
      all.push_back({lane, {kFirst, seq * 3}});
    }
  }
  EXPECT_LE(bytes_in(log_), all.size() * 5 / 2);
  EXPECT_EQ(replayed(ranges_), all);
  EXPECT_EQ(replayed(ranges_), all) << "and once more";
  FedRanges again = reopened();
  EXPECT_EQ(replayed(again), all);
}

TEST_F(FedRangesTest, GoOnAfterARestartAndANewIncarnation) {
  add("a.0", {kFirst, 10});
  FedRanges again = reopened();
  wal::LogBatch batch;
  again.add("a.0", {kFirst, 12}, batch);
  again.add("a.0", {kSecond, 13}, batch);
  ASSERT_TRUE(log_.write(batch, true));
  FedRanges third = reopened();
  EXPECT_THAT(replayed(third),
              ElementsAre(FedRange{"a.0", {kFirst, 10}}, FedRange{"a.0", {kFirst, 12}},
                          FedRange{"a.0", {kSecond, 13}}));
  EXPECT_EQ(third.reach().size(), 2u);
  EXPECT_EQ(third.reach().at({"a.0", kFirst}), 12u);
  EXPECT_EQ(third.reach().at({"a.0", kSecond}), 13u);
}

TEST_F(FedRangesTest, WhatIsNotInTheLogYetIsReplayedFromMemory) {
  std::vector<FedRange> all;
  wal::LogBatch batch;
  for (uint64_t seq = 1; seq <= 2000; ++seq) {
    const std::string lane = seq % 2 == 0 ? "a.0" : "b.0";
    ranges_.add(lane, {kFirst, seq}, batch);
    all.push_back({lane, {kFirst, seq}});
  }
  EXPECT_EQ(replayed(ranges_), all);
}

TEST_F(FedRangesTest, OfManyLanesFillTheirChunks) {
  std::vector<FedRange> all;
  for (int lane = 0; lane < 1000; ++lane) {
    add("lane-" + std::to_string(lane), {kFirst, 7});
    all.push_back({"lane-" + std::to_string(lane), {kFirst, 7}});
  }
  EXPECT_EQ(replayed(ranges_), all);
  FedRanges again = reopened();
  EXPECT_EQ(replayed(again), all);
}

TEST_F(FedRangesTest, ForgottenAreGone) {
  add("a.0", {kFirst, 10});
  wal::LogBatch batch;
  ranges_.forget(batch);
  ASSERT_TRUE(log_.write(batch, true));
  EXPECT_TRUE(ranges_.empty());
  EXPECT_THAT(replayed(ranges_), IsEmpty());
  EXPECT_EQ(chunks_in(log_), 0u);
  add("a.0", {kFirst, 3});
  EXPECT_THAT(replayed(ranges_), ElementsAre(FedRange{"a.0", {kFirst, 3}}));
}

TEST(FedChunk, DamageIsFoundAndNothingElseIsOne) {
  const auto nothing = [](const FedRange&) {};
  EXPECT_FALSE(decode_fed_chunk("", nothing));
  EXPECT_FALSE(decode_fed_chunk(std::string(1, '\0'), nothing));
  EXPECT_FALSE(decode_fed_chunk("\x01\x01\x05", nothing)) << "a source that has no name";
  EXPECT_TRUE(decode_fed_chunk("\x01", nothing));
  EXPECT_FALSE(decode_fed_chunk(std::string("\x01\0\0\0", 4), nothing)) << "cut off";
}

// The log of a stream node with several inputs that is open for long.
TEST(StreamRunner, R7WhatItWasFedFromSeveralLanesTakesNextToNoRoom) {
  const auto log = std::make_shared<wal::MemoryLog>();
  wire::StartOrder order;
  order.node.unit = graph::Unit::kStream;
  order.writers = {"left.0", "right.0"};
  Bench bench(order, Bench::Answers{[](const std::string&, std::string&) -> std::optional<RunEnd> {
                return {};
              }},
              log);
  for (int i = 0; i < 1500; ++i) {
    bench.give({std::to_string(i) + "\n"}, 0);
    bench.give({std::to_string(i) + "\n"}, 1);
    bench.settle();
  }
  EXPECT_GT(chunks_in(*log), 2u) << "they do alternate";
  EXPECT_LE(bytes_in(*log), 3000u * 5 / 2);
}

}  // namespace
}  // namespace weir::core
