// Batches and records: halving, suspects, dead letters, outages (R9, R12).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "bench.h"
#include "wrapper/core/dead_letters.h"

namespace weir::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

RunEnd copies(const std::string& input, std::string& output) {
  output = input;
  return status(0);
}

// Fails when it is given one of these lines.
Bench::Program hates(std::set<std::string> poison) {
  return [poison = std::move(poison)](const std::string& input, std::string& output) {
    for (size_t at = 0; at < input.size();) {
      const size_t end = input.find('\n', at) + 1;
      if (poison.contains(input.substr(at, end - at))) return status(3);
      at = end;
    }
    output = input;
    return status(0);
  };
}

wire::StartOrder record_order() {
  wire::StartOrder order = batch_order();
  order.node.unit = graph::Unit::kRecord;
  return order;
}

TEST(BatchRunner, OneUnitForWhatIsThere) {
  Bench bench(batch_order(), copies);
  bench.run(lines(20));
  EXPECT_EQ(bench.runs, 1);
  EXPECT_EQ(bench.output(), joined(lines(20)));
  EXPECT_TRUE(bench.node().ended());
}

// Its writer goes then, and others may flow for ever.
TEST(BatchRunner, R5ADrainedLaneIsSettledWhateverAnotherWaitsFor) {
  wire::StartOrder order = batch_order();
  order.writers = {"left.0@1", "left.0"};
  Bench bench(order, copies);
  bench.give({"1\n"}, 0);
  bench.end(0);
  bench.settle_until([&] { return bench.output() == "1\n"; });
  bench.give({"x\n"}, 1);
  // Its end is taken with what comes next.
  bench.settle_until([&] { return bench.output() == "1\nx\n"; });
  const uint64_t made_with_it = bench.node().lane().published_last();
  bench.give({"y\n"}, 1);
  bench.settle_until([&] { return bench.output() == "1\nx\ny\n"; });
  EXPECT_FALSE(bench.is_lane_settled(0));
  bench.settle_reader(made_with_it);
  for (int i = 0; i < 20; ++i) {
    bench.give({"y\n"}, 1);
    bench.settle();
  }
  EXPECT_TRUE(bench.is_lane_settled(0));
  EXPECT_FALSE(bench.node().ended());
}

TEST(BatchRunner, AnUnreadSinkKeepsWhatItsGoodRunsWrote) {
  wire::StartOrder order = batch_order();
  order.sink = true;
  int runs = 0;
  Bench bench(order, [&](const std::string& input, std::string& output) {
    output = input + std::string(100'000, 'x') + "\n";
    return status(++runs == 1 ? 3 : 0);
  });
  bench.run(lines(3));
  EXPECT_TRUE(bench.node().ended_and_settled());
  EXPECT_EQ(bench.runs, 2);
  EXPECT_EQ(bench.kept, "1\n2\n3\n" + std::string(100'000, 'x') + "\n");
  EXPECT_EQ(bench.output(), "") << "not in the log";
}

// More than can be held until its commit goes before it.
TEST(BatchRunner, TheOutputOfAnUnreadSinkIsNotHeldWithoutEnd) {
  wire::StartOrder order = batch_order();
  order.sink = true;
  const std::string large(8u << 20, 'x');
  Bench bench(order, [&](const std::string&, std::string& output) {
    output = large + "\n";
    return status(0);
  });
  bench.run(lines(1));
  EXPECT_TRUE(bench.node().ended());
  EXPECT_EQ(bench.kept.size(), large.size() + 1);
  EXPECT_EQ(bench.output(), "");
}

TEST(BatchRunner, R9APoisonRecordIsADeadLetter) {
  Bench bench(batch_order(), hates({"13\n"}));
  bench.run(lines(64));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  const std::vector<DeadLetter> dead = bench.dead();
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].bytes, "13\n");
  EXPECT_EQ(dead[0].reason, "exited with status 3");
  EXPECT_EQ(dead[0].record.seq, 13u);
  EXPECT_EQ(dead[0].lane, "source.0");
  EXPECT_EQ(dead[0].status, 3);
  EXPECT_EQ(dead[0].signal, std::nullopt);
  EXPECT_EQ(dead[0].attempts, 2 + 6 + 1u) << "two of all, one of each half, and a second chance";
  EXPECT_EQ(dead[0].unix_ms, Bench::kUnixMs);
  EXPECT_EQ(dead[0].term, 1u);
  EXPECT_EQ(bench.output(), joined(lines(64), "13\n"));
}

// `retries` + 1 attempts of the whole, two halves at each level, and the second chance: the suspect
// and the unit after it once more, or at the very end as many rounds as attempts.
TEST(BatchRunner, R9IsolationTakesLogarithmicallyManyRuns) {
  for (const uint32_t retries : {0u, 1u, 5u}) {
    for (const size_t count : {2u, 3u, 16u, 100u, 1024u}) {
      const size_t levels = std::bit_width(count - 1);
      for (const size_t at : {size_t{1}, count / 2, count - 1, count}) {
        SCOPED_TRACE(::testing::Message() << at << " of " << count << ", retries " << retries);
        const std::string poison = std::to_string(at) + "\n";
        Bench bench(batch_order(retries), hates({poison}));
        bench.run(lines(count));
        ASSERT_TRUE(bench.node().ended()) << bench.failure;
        EXPECT_THAT(bench.dead_bytes(), ElementsAre(poison));
        EXPECT_EQ(bench.output(), joined(lines(count), poison));
        const size_t chance = at == count ? retries + 1 : 2;
        EXPECT_LE(bench.runs, static_cast<int>(retries + 1 + 2 * levels + chance));
      }
    }
  }
}

TEST(BatchRunner, R9EachMorePoisonRecordCostsLogarithmicallyManyRunsMore) {
  const size_t count = 1024;
  const std::set<std::string> poison{"100\n", "101\n", "500\n", "1000\n"};
  Bench bench(batch_order(), hates(poison));
  bench.run(lines(count));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_EQ(bench.dead().size(), poison.size());
  EXPECT_LE(bench.runs, static_cast<int>(2 + poison.size() * (2 * 10 + 2)));
}

TEST(BatchRunner, R9APoisonRecordAtTheVeryEnd) {
  Bench bench(batch_order(), hates({"13\n"}));
  bench.run(lines(13));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead_bytes(), ElementsAre("13\n"));
  EXPECT_EQ(bench.output(), joined(lines(12)));
}

TEST(BatchRunner, R9AnOutageIsNotPoison) {
  int down = 60;
  Bench bench(batch_order(), [&](const std::string& input, std::string& output) {
    return --down > 0 ? status(1) : copies(input, output);
  });
  bench.run(lines(30));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead(), IsEmpty());
  EXPECT_EQ(bench.output(), joined(lines(30)));
}

// The input pauses: nothing comes that could show that the outage is over.
TEST(BatchRunner, R9SuspectsAreTriedAgainAlthoughNothingComesBehindThem) {
  int down = 0;
  Bench bench(batch_order(2), [&](const std::string& input, std::string& output) {
    return --down >= 0 ? status(1) : copies(input, output);
  });
  bench.give(lines(10));
  bench.settle_until([&] { return bench.output().size() > 20; });
  down = 30;
  bench.give({"11\n", "12\n", "13\n"});
  bench.settle_until([&] { return bench.output() == joined(lines(13)); });
  bench.end();
  bench.settle_to_the_end();
  EXPECT_THAT(bench.dead(), IsEmpty());
}

TEST(BatchRunner, R9AnOutageAtTheEndOfTheInputIsNotPoison) {
  int down = 0;
  Bench bench(batch_order(2), [&](const std::string& input, std::string& output) {
    return --down >= 0 ? status(1) : copies(input, output);
  });
  bench.give(lines(10));
  bench.settle_until([&] { return bench.output().size() > 20; });
  down = 12;  // Three attempts of the unit, its parts, and the first round behind the end.
  bench.give({"11\n", "12\n", "13\n"});
  bench.end();
  bench.settle_to_the_end();
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead(), IsEmpty());
  EXPECT_EQ(bench.output(), joined(lines(13)));
  EXPECT_LT(down, 0);
}

// It fails alone, works, and goes down again just when the suspect has its second chance.
TEST(BatchRunner, R9AnotherOutageDuringTheSecondChanceIsNotPoison) {
  int run = 0;
  Bench bench(record_order(), [&](const std::string& input, std::string& output) {
    // Up for run 3: the unit behind the suspect. Down for its second chance and what follows.
    const bool up = run == 3 || run > 5;
    ++run;
    return up ? copies(input, output) : status(1);
  });
  bench.give(lines(1));
  bench.settle_until([&] { return run == 2; });  // Both attempts: a suspect.
  ++run;
  bench.give({"2\n"});
  bench.end();
  bench.settle_to_the_end();
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead(), IsEmpty());
  EXPECT_EQ(bench.output(), "1\n2\n");
}

TEST(BatchRunner, R9AfterACrashItIsNotTakenForGrantedThatAnythingEverEndedWell) {
  const auto log = std::make_shared<wal::MemoryLog>();
  const Bench::Program fails = [](const std::string&, std::string&) { return status(4); };
  {
    Bench crashed(batch_order(), fails, log);
    crashed.give(lines(3));
    crashed.settle_until([&] { return crashed.runs == 1; });
  }
  Bench bench(batch_order(), fails, log);
  bench.run(lines(3));
  EXPECT_EQ(bench.failure,
            "every record failed: exited with status 4; last line of its stderr: (none)");
  EXPECT_THAT(bench.dead(), IsEmpty());
}

TEST(BatchRunner, R2SuspectsThatAreGoneWithTheWritersTailAreForgotten) {
  wire::StartOrder order = record_order();
  order.node.backoff_first = seconds(5);  // It stays a suspect for so long.
  Bench bench(order, hates({"13\n"}));
  bench.give({"12\n", "13\n"});
  bench.settle_until([&] { return bench.output() == "12\n" && bench.runs == 3; });
  bench.lose_tail(1);
  bench.give({"14\n", "15\n"});
  bench.end();
  bench.settle_to_the_end();
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead(), IsEmpty()) << "it is no record any more";
  EXPECT_EQ(bench.output(), "12\n14\n15\n");
}

TEST(BatchRunner, R9Status75IsNoAttempt) {
  int down = 8;
  Bench bench(batch_order(), [&](const std::string& input, std::string& output) {
    return --down > 0 ? status(75) : copies(input, output);
  });
  bench.run(lines(3));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_EQ(std::set<std::string>(bench.units.begin(), bench.units.end()).size(), 1u)
      << "the same unit each time";
}

TEST(BatchRunner, R9AllRecordsFailing) {
  Bench bench(batch_order(), [](const std::string&, std::string&) { return status(4); });
  bench.run(lines(3));
  EXPECT_EQ(bench.failure,
            "every record failed: exited with status 4; last line of its stderr: (none)");
}

TEST(BatchRunner, NotFoundIsTheEndAtOnce) {
  Bench bench(batch_order(), [](const std::string&, std::string&) { return status(127); });
  bench.run(lines(3));
  EXPECT_EQ(bench.failure, "exited with status 127");
  EXPECT_EQ(bench.runs, 1);
}

TEST(RecordUnit, OneRunForEachRecord) {
  Bench bench(record_order(), hates({"13\n"}));
  bench.run(lines(20));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_EQ(bench.runs, 23) << "one of them twice, a second chance, and the next once more";
  EXPECT_THAT(bench.dead_bytes(), ElementsAre("13\n"));
}

// Design 2: up to 100 MiB, whether its delimiter is there or not.
TEST(RecordUnitLong, ARecordMayHave100MiBAndNotOneByteMore) {
  const std::string longest(kRecordBytesMax, 'x');
  for (const bool over : {false, true}) {
    for (const char* end : {"", "\n"}) {
      SCOPED_TRACE(::testing::Message() << over << *end);
      size_t bytes = 0;
      Bench bench(record_order(), [&](const std::string& input, std::string&) {
        bytes = std::max(bytes, input.size());
        return status(0);
      });
      bench.give({"1\n"});
      bench.give_in_pieces(longest + (over ? "x" : "") + end);
      bench.end();
      bench.settle_to_the_end();
      EXPECT_EQ(bench.failure.find("over 100 MiB") != std::string::npos, over) << bench.failure;
      // A delimiter that is missing is so only at the very end of a program's input.
      EXPECT_EQ(bytes, over ? 2 : longest.size() + std::string(end).size());
    }
  }
}

// What a unit keeps for later is consumed, and settled only by the commit that says so.
TEST(Node, R3ARestartSettlesOnlyWhatWasSettled) {
  const auto log = std::make_shared<wal::MemoryLog>();
  const Bench::Program cat = [](const std::string& input, std::string& output) {
    output = input;
    return RunEnd{};
  };
  const Incarnation writer{9, 1, 5};
  {
    Bench bench(batch_order(), cat, log);
    bench.give(lines(4));
    bench.settle_until([&] { return bench.output() == joined(lines(4)); });
    bench.node().commit_inputs({{0, {writer, 6}, false, false}});
    bench.settle();
    bench.settle();
  }
  Bench bench(batch_order(), cat, log);
  bench.give(lines(6));
  bench.settle();
  bench.settle();
  bench.settle_reader();
  bench.settle();
  EXPECT_EQ(bench.node().inputs()[0].durable.frontier.seq, 6u);
  EXPECT_EQ(bench.node().inputs()[0].reader.settled().seq, 4u) << "5 and 6 are kept for later";
  bench.give({"7\n"});
  bench.settle_until([&] { return bench.output() == joined(lines(4)) + "7\n"; });
  bench.settle_reader();
  bench.settle();
  EXPECT_EQ(bench.node().inputs()[0].reader.settled().seq, 7u);
}

// A program that does nothing at first, then ends.
TEST(StallWatch, R12WhatAnEarlierRunHasUsedMeansNothing) {
  wire::StartOrder order = batch_order();
  order.node.stall_timeout = seconds(60);
  Bench bench(order, Bench::Program());
  bench.give(lines(1));
  bench.settle_until([&] { return bench.running; });
  bench.idle(seconds(50));
  bench.cpu = 7;
  bench.idle(seconds(50));
  EXPECT_EQ(bench.terminated, 0) << "it was busy";
  bench.node().on_run_end(status(1));
  bench.running = false;
  bench.settle_until([&] { return bench.running; });
  bench.idle(seconds(61));
  EXPECT_EQ(bench.terminated, 1) << "the next one has used nothing since";
}

TEST(StallWatch, R12TheClockOfAStreamBeginsWithItsRun) {
  wire::StartOrder order;
  order.node.unit = graph::Unit::kStream;
  order.node.retries = 5;
  order.node.stall_timeout = seconds(60);
  Bench bench(order, Bench::Program());
  bench.give(lines(3));
  bench.settle_until([&] { return bench.running && !bench.fed.empty(); });
  bench.node().on_run_end(status(1));
  bench.running = false;
  bench.settle();
  bench.settle();  // Its input is here again.
  bench.pass(seconds(1000));
  bench.settle_until([&] { return bench.running && !bench.fed.empty(); });
  for (int i = 0; i < 5; ++i) bench.settle();
  EXPECT_EQ(bench.terminated, 0);
  bench.idle(seconds(61));
  EXPECT_EQ(bench.terminated, 1);
}

}  // namespace
}  // namespace weir::core
