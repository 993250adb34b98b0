// lines and frames: answers, protocol, suspects and stalls (R9, R11, R12).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench.h"
#include "wrapper/core/dead_letters.h"

namespace weir::core {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Over = std::optional<RunEnd>;

// Answers each line with itself, and ends with status 3 at a line that it hates.
Bench::Answers echo(const std::string& hates = "") {
  return {[hates](const std::string& line, std::string& output) -> Over {
    if (line == hates) return status(3);
    output += line;
    return {};
  }};
}

// The same, but while `down` it fails at whatever it is asked.
Bench::Answers echo_unless(const int& down, const std::string& hates = "") {
  return {[&down, hates](const std::string& line, std::string& output) -> Over {
    if (down > 0 || line == hates) return status(1);
    output += line;
    return {};
  }};
}

TEST(ReplyRunner, EachLineHasItsAnswerAndAnEmptyOneIsNone) {
  Bench bench(lines_order(), Bench::Answers{[](const std::string& line, std::string& out) -> Over {
                out += line == "2\n" ? "\n" : line;
                return {};
              }});
  bench.run(lines(4));
  EXPECT_TRUE(bench.node().ended());
  EXPECT_EQ(bench.output(), "1\n3\n4\n");
  EXPECT_EQ(bench.runs, 1);
}

TEST(ReplyRunner, AnEmptyAnswerToAnEmptyLineIsAnEmptyLine) {
  Bench bench(lines_order(), Bench::Answers{[](const std::string& line, std::string& out) -> Over {
                out += line == "drop\n" ? "\n" : line;
                return {};
              }});
  bench.give({"\n", "a\n", "drop\n", "\n", "\n", "b\n", "drop\n", "\n", "c\n"});
  bench.end();
  bench.settle_to_the_end();
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_EQ(bench.output(), "\na\n\n\nb\n\nc\n");
}

// Design 2: up to 100 MiB, whether its delimiter is there or not.
TEST(ReplyRunnerLong, ALineMayHave100MiBAndNotOneByteMore) {
  const std::string longest(kRecordBytesMax, 'x');
  for (const bool over : {false, true}) {
    for (const char* end : {"", "\n"}) {
      SCOPED_TRACE(::testing::Message() << over << *end);
      size_t bytes = 0;
      Bench bench(lines_order(),
                  Bench::Answers{[&](const std::string& line, std::string& out) -> Over {
                    bytes = std::max(bytes, line.size());
                    out += "\n";
                    return {};
                  }});
      bench.give({"1\n"});
      bench.give_in_pieces(longest + (over ? "x" : "") + end);
      bench.end();
      bench.settle_to_the_end();
      EXPECT_EQ(bench.failure.find("over 100 MiB") != std::string::npos, over) << bench.failure;
      EXPECT_EQ(bytes, over ? 2 : longest.size() + 1);
    }
  }
}

TEST(ReplyRunner, R9APoisonRecordIsADeadLetterOnce) {
  Bench bench(lines_order(), echo("13\n"));
  bench.run(lines(40));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead_bytes(), ElementsAre("13\n"));
  EXPECT_EQ(bench.dead()[0].reason, "exited with status 3");
  EXPECT_EQ(bench.output(), joined(lines(40), "13\n"));
  // With its first failure 1 to 12 were answered; two attempts, alone, second chance, the rest.
  EXPECT_LE(bench.runs, 6);
}

TEST(ReplyRunner, R9ADeadLetterSaysWhoKilledItsProgram) {
  const RunEnd killed{RunEnd::Kind::kSignaled, 9, "probably by the kernel", ""};
  Bench bench(lines_order(), Bench::Answers{[&](const std::string& line, std::string& out) -> Over {
                if (line == "2\n") return killed;
                out += line;
                return {};
              }});
  bench.run(lines(4));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  ASSERT_EQ(bench.dead().size(), 1u);
  EXPECT_EQ(bench.dead()[0].reason, "was killed by signal 9 (Killed), probably by the kernel");
}

// Nothing of what it read together with the culprit is answered.
TEST(ReplyRunner, R9AProgramThatAnswersInChunksIsStartedAgainFewTimes) {
  Bench* bench = nullptr;
  std::string held;
  int run = 0;
  const Bench::Answers chunks{[&](const std::string& line, std::string& output) -> Over {
    if (run != bench->runs) held.clear();
    run = bench->runs;
    if (line == "500\n") return status(3);
    held += line;
    if (bench->fed.empty()) output += std::exchange(held, {});
    return {};
  }};
  Bench made(lines_order(), chunks);
  bench = &made;
  made.run(lines(1000));
  ASSERT_TRUE(made.node().ended()) << made.failure;
  EXPECT_THAT(made.dead_bytes(), ElementsAre("500\n"));
  EXPECT_EQ(made.output(), joined(lines(1000), "500\n"));
  EXPECT_LE(made.runs, 6) << "not some for each record before it";
}

TEST(ReplyRunner, R9AnOutageIsNotPoison) {
  int down = 0;
  Bench bench(lines_order(), echo_unless(down));
  bench.give(lines(5));
  bench.settle_until([&] { return bench.output().size() == 10; });
  down = 1;
  bench.give({"6\n", "7\n", "8\n", "9\n"});
  // Two attempts, and alone: all are suspects now. They are asked again although nothing comes.
  bench.settle_until([&] { return bench.runs >= 1 + 2 + 4 + 4; });
  down = 0;
  bench.settle_until([&] { return bench.output() == joined(lines(9)); });
  bench.end();
  bench.settle_to_the_end();
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead(), IsEmpty());
  EXPECT_EQ(bench.output(), joined(lines(9)));
}

TEST(ReplyRunner, R9ALongOutageIsNotPoison) {
  int down = 1;
  wire::StartOrder order = lines_order();
  order.node.max_dead = 3;
  Bench bench(order, echo_unless(down));
  bench.give(lines(20));
  bench.settle_until([&] { return bench.runs >= 30; });
  EXPECT_THAT(bench.notes, ::testing::Contains("3 records in a row fail: degraded; all of them are "
                                               "kept and tried again"));
  down = 0;
  bench.end();
  bench.settle_to_the_end();
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead(), IsEmpty());
  EXPECT_EQ(bench.output(), joined(lines(20)));
}

TEST(ReplyRunner, R9AnOutageAtTheEndOfTheInputIsNotPoison) {
  int down = 0;
  Bench bench(lines_order(2), echo_unless(down));
  bench.give(lines(5));
  bench.settle_until([&] { return bench.output().size() == 10; });
  down = 1;
  bench.give({"6\n", "7\n"});
  bench.end();
  // Three attempts, each of them alone, and one round of both behind the end.
  bench.settle_until([&] { return bench.runs >= 1 + 3 + 2 + 2; });
  down = 0;
  bench.settle_to_the_end();
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead(), IsEmpty());
  EXPECT_EQ(bench.output(), joined(lines(7)));
}

// A first one of three makes a suspect, the second comes with its second chance.
TEST(ReplyRunner, R9AnotherOutageDuringTheSecondChanceIsNotPoison) {
  int asked_two = 0;
  int failed_one = 0;
  Bench bench(lines_order(0),
              Bench::Answers{[&](const std::string& line, std::string& out) -> Over {
                const bool one_is_down = line == "1\n" && failed_one < 3;
                const bool two_is_down = line == "2\n" && ++asked_two == 2;
                if (one_is_down) ++failed_one;
                if (one_is_down || two_is_down) return status(1);
                out += line;
                return {};
              }});
  bench.run({"1\n", "2\n", "3\n"});
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead(), IsEmpty());
  EXPECT_EQ(bench.output(), "1\n2\n3\n");
}

TEST(ReplyRunner, R9APoisonRecordAtTheVeryEnd) {
  Bench bench(lines_order(), echo("13\n"));
  bench.run(lines(13));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead_bytes(), ElementsAre("13\n"));
  EXPECT_EQ(bench.output(), joined(lines(12)));
}

TEST(ReplyRunner, R9AfterARestartItIsKnownThatItHasWorked) {
  const auto log = std::make_shared<wal::MemoryLog>();
  {
    Bench crashed(lines_order(), echo("13\n"), log);
    crashed.give(lines(13));
    crashed.settle_until([&] { return crashed.output() == joined(lines(12)); });
  }
  Bench bench(lines_order(), echo("13\n"), log);
  bench.run(lines(13));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead_bytes(), ElementsAre("13\n"));
}

TEST(ReplyRunner, R9AllRecordsFailing) {
  Bench bench(lines_order(),
              Bench::Answers{[](const std::string&, std::string&) -> Over { return status(4); }});
  bench.run(lines(3));
  EXPECT_EQ(bench.failure,
            "every record failed: exited with status 4; last line of its stderr: (none)");
  EXPECT_THAT(bench.dead(), IsEmpty());
}

TEST(ReplyRunner, R9Status75IsNoAttempt) {
  int down = 10;
  Bench bench(lines_order(),
              Bench::Answers{[&](const std::string& line, std::string& output) -> Over {
                if (--down > 0) return status(75);
                output += line;
                return {};
              }});
  bench.run(lines(3));
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead(), IsEmpty());
  EXPECT_EQ(bench.output(), joined(lines(3)));
}

// The answer that confirms a suspect may be of another lane, while the suspect itself is on its way
// for the next run.
TEST(ReplyRunner, R9ADeadLetterWithAnAnswerOfAnotherLaneIsOne) {
  wire::StartOrder order = lines_order(0);
  order.node.backoff_first = seconds(1);
  order.writers = {"left.0", "right.0"};
  int failures = 0;
  Bench bench(order, Bench::Answers{[&](const std::string& line, std::string& output) -> Over {
                if (line == "13\n") return ++failures, status(3);
                output += line;
                return {};
              }});
  bench.give({"1\n"}, 0);
  bench.give({"13\n", "14\n", "15\n", "16\n", "17\n"}, 1);
  bench.settle_until([&] { return failures == 3; });  // Together, alone, and after 14 was answered.
  bench.hold(1, true);
  bench.give({"2\n"}, 0);
  bench.settle_until([&] { return bench.output() == "1\n2\n"; });
  bench.hold(1, false);
  bench.end(0);
  bench.end(1);
  bench.settle_to_the_end();
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead_bytes(), ElementsAre("13\n"));
  EXPECT_EQ(bench.output(), "1\n2\n14\n15\n16\n17\n");
}

TEST(ReplyRunner, R2SuspectsThatAreGoneWithTheWritersTailAreForgotten) {
  Bench bench(lines_order(0), echo("13\n"));
  bench.give({"12\n", "13\n"});
  bench.settle_until([&] { return bench.output() == "12\n" && bench.runs >= 2; });
  for (int i = 0; i < 20; ++i) bench.settle();
  bench.lose_tail(1);
  bench.give({"14\n", "15\n"});
  bench.end();
  bench.settle_to_the_end();
  ASSERT_TRUE(bench.node().ended()) << bench.failure;
  EXPECT_THAT(bench.dead(), IsEmpty()) << "it is no record any more";
  EXPECT_EQ(bench.output(), "12\n14\n15\n");
}

void answer(Bench& bench, std::string_view text) {
  const std::span<uint8_t> space = bench.node().output_space();
  ASSERT_GE(space.size(), text.size());
  std::copy(text.begin(), text.end(), space.begin());
  bench.node().on_output(text.size());
}

// A program that is asked a, b and c; the end of the lane comes later. The tests answer for it.
class Replies : public ::testing::Test {
 protected:
  Replies() : bench_(lines_order(), Bench::Program()) {
    bench_.give({"a\n", "b\n", "c\n"});
    bench_.settle_until([&] { return bench_.fed == "a\nb\nc\n"; });
    bench_.node().on_fed(bench_.fed.size());
  }
  Bench bench_;
};

TEST_F(Replies, AnswersCommitTheirInputs) {
  answer(bench_, "A\n\n");
  bench_.settle();
  bench_.settle();
  EXPECT_EQ(bench_.output(), "A\n");
  EXPECT_EQ(bench_.node().inputs()[0].durable.frontier.seq, 2u);
}

TEST_F(Replies, R11AnAnswerThatNothingAskedForStopsTheProgram) {
  answer(bench_, "A\nB\nC\nD\n");
  bench_.settle();
  EXPECT_EQ(bench_.terminated, 1);
  RunEnd end;
  end.kind = RunEnd::Kind::kSignaled;
  end.code = 15;
  bench_.node().on_run_end(end);
  ASSERT_FALSE(bench_.notes.empty());
  EXPECT_EQ(bench_.notes.back(), "wrote a reply that nothing asked for; attempt 1 of 2");
}

TEST_F(Replies, R11AMissingAnswerIsUnfinishedWork) {
  answer(bench_, "A\n");
  bench_.settle();
  bench_.node().on_run_end(status(0));
  ASSERT_FALSE(bench_.notes.empty());
  EXPECT_EQ(bench_.notes.back(), "exited with status 0 with 2 inputs unanswered; attempt 1 of 2");
}

TEST_F(Replies, R12NoProgressIsAStallAndProcessorTimeIsProgress) {
  bench_.unread = 4;
  bench_.idle(seconds(50));
  bench_.cpu = 5;
  bench_.idle(seconds(50));
  EXPECT_EQ(bench_.terminated, 0) << "it used the processor";
  bench_.idle(seconds(70));
  EXPECT_EQ(bench_.terminated, 1);
}

TEST_F(Replies, R12WhatItUsedForItsLastAnswerIsNoProgressSince) {
  bench_.unread = 4;
  bench_.idle(seconds(10));
  bench_.cpu = 5;
  bench_.idle(seconds(51));
  EXPECT_EQ(bench_.terminated, 1);
}

TEST_F(Replies, R12ARunThatHasNotBegunIsNotAccused) {
  bench_.waits = true;
  bench_.idle(seconds(300));
  EXPECT_EQ(bench_.terminated, 0);
  EXPECT_FALSE(bench_.stdin_closed());
}

// It has read all it was asked and does nothing: what it keeps back comes when its input ends.
TEST_F(Replies, R12AProgramThatBuffersItsAnswersIsNotHung) {
  bench_.idle(seconds(59));
  EXPECT_FALSE(bench_.stdin_closed());
  bench_.idle(seconds(2));
  EXPECT_TRUE(bench_.stdin_closed());
  EXPECT_EQ(bench_.terminated, 0);
  bench_.give({"d\n"});
  bench_.settle();
  EXPECT_EQ(bench_.fed, "a\nb\nc\n") << "the next run takes what comes now";
  answer(bench_, "A\nB\nC\n");
  bench_.node().on_run_end(status(0));
  bench_.running = false;
  bench_.fed.clear();
  bench_.settle_until([&] { return bench_.fed == "d\n" && !bench_.output().empty(); });
  EXPECT_EQ(bench_.output(), "A\nB\nC\n");
  EXPECT_EQ(bench_.runs, 2);
  ASSERT_EQ(bench_.notes.size(), 1u);
  EXPECT_THAT(bench_.notes[0], ::testing::StartsWith("it buffers its output"));
  EXPECT_THAT(bench_.notes[0], ::testing::HasSubstr("buffering = \"line\""));
}

TEST_F(Replies, R12ItIsHungIfItSaysNothingWhenItsInputHasEndedEither) {
  bench_.idle(seconds(61));
  EXPECT_EQ(bench_.terminated, 0);
  bench_.idle(seconds(61));
  EXPECT_EQ(bench_.terminated, 1);
}

TEST_F(Replies, R12ItHasFailedIfAnAnswerIsMissingWhenItsInputHasEnded) {
  bench_.idle(seconds(61));
  answer(bench_, "A\nB\n");
  bench_.node().on_run_end(status(0));
  ASSERT_FALSE(bench_.notes.empty());
  EXPECT_EQ(bench_.notes.back(), "exited with status 0 with 1 inputs unanswered; attempt 1 of 2");
}

TEST_F(Replies, R12NoExitAfterTheEndOfTheInputIsAStall) {
  bench_.end();
  answer(bench_, "A\nB\nC\n");
  for (int i = 0; i < 5; ++i) bench_.settle();
  EXPECT_EQ(bench_.output(), "A\nB\nC\n");
  bench_.idle(seconds(61));
  EXPECT_EQ(bench_.terminated, 1);
  RunEnd end;
  end.kind = RunEnd::Kind::kSignaled;
  end.code = 15;
  bench_.node().on_run_end(end);
  bench_.running = false;
  bench_.settle_to_the_end();
  EXPECT_TRUE(bench_.node().ended()) << bench_.failure;
  EXPECT_EQ(bench_.output(), "A\nB\nC\n");
}

}  // namespace
}  // namespace weir::core
