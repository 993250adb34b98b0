// Dead letters that are given to their program again, or dropped (R9): what a runner makes of them,
// whenever the wrapper dies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench.h"
#include "wrapper/core/dead_letters.h"
#include "wrapper/wal/keys.h"

namespace weir::core {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kPoison[] = "13\n";

// A node whose program hates one record until it is mended; `batch` or `lines`.
class Patient {
 public:
  explicit Patient(bool lines) : lines_(lines), log_(std::make_shared<wal::MemoryLog>()) { boot(); }

  // As after a crash.
  void boot() {
    bench_.reset();
    if (lines_) {
      bench_.emplace(lines_order(), Bench::Answers{[this](const auto& line, auto& out) {
                       std::optional<RunEnd> over;
                       if (line == kPoison && how != 0) return over = status(how);
                       out += line;
                       return over;
                     }},
                     log_);
    } else {
      bench_.emplace(
          batch_order(),
          [this](const std::string& input, std::string& output) {
            const bool has = ("\n" + input).find("\n" + std::string(kPoison)) != std::string::npos;
            if (has && how != 0) return status(how);
            output = input;
            return status(0);
          },
          log_);
    }
  }

  // With one dead letter, and its input not ended.
  void infect() {
    bench_->give(core::lines(20));
    bench_->settle_until([&] { return bench_->dead().size() == 1 && settled(20); });
    ASSERT_THAT(bench_->dead_bytes(), ElementsAre(kPoison));
  }
  bool settled(uint64_t seq) const {
    return bench_->node().inputs()[0].durable.frontier.seq >= seq && !bench_->node().persisting();
  }
  size_t times_published() const {
    const std::string all = "\n" + bench_->output();
    size_t count = 0;
    for (size_t at = 0; (at = all.find("\n13\n", at)) != std::string::npos; ++at) ++count;
    return count;
  }

  Bench& bench() { return *bench_; }
  Node& node() { return bench_->node(); }
  int how = 3;  // How it ends at the poison; 0: it accepts it.

 private:
  bool lines_;
  std::shared_ptr<wal::MemoryLog> log_;
  mutable std::optional<Bench> bench_;
};

class Retry : public testing::TestWithParam<bool> {
 protected:
  Patient patient_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Programs, Retry, testing::Bool(),
                         [](const auto& one) { return one.param ? "Lines" : "Batch"; });

TEST_P(Retry, R9WhatIsAcceptedNowIsPublishedAndNoDeadLetterAnyMore) {
  patient_.infect();
  const DeadLetter letter = patient_.bench().dead()[0];
  patient_.how = 0;
  const auto asked = patient_.node().retry_dead({"0.1.0"});
  ASSERT_TRUE(asked) << asked.error().what;
  EXPECT_EQ(*asked, 1u);
  EXPECT_TRUE(patient_.node().dead().is_retried(0));
  EXPECT_EQ(*patient_.node().retry_dead({}), 1u) << "asked twice, tried once";
  const int runs = patient_.bench().runs;
  patient_.bench().settle_until([&] { return patient_.bench().dead().empty(); });
  EXPECT_EQ(patient_.times_published(), 1u);
  EXPECT_EQ(patient_.node().dead().count(), 0u);
  EXPECT_FALSE(patient_.node().dead().is_retried(0));
  if (!GetParam()) {
    EXPECT_EQ(patient_.bench().runs, runs + 1);
    EXPECT_EQ(patient_.bench().units.back(), to_string(letter.unit))
        << "the same when it is tried again";
    EXPECT_EQ(patient_.bench().attempt, std::to_string(letter.attempts + 1));
  }
  EXPECT_EQ(*patient_.node().retry_dead({"0.1.0"}), 0u) << "it is gone";
  for (const char* never : {"0.1.1", "1.1.0", "x", "0.1", "0.1.0.0"}) {
    const auto unknown = patient_.node().retry_dead({never});
    ASSERT_FALSE(unknown) << never;
    EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  }
  // Its number is not given again, after a crash neither.
  patient_.boot();
  patient_.how = 3;
  patient_.bench().give(core::lines(20));  // Which it knows.
  patient_.bench().give({kPoison, "21\n"});
  patient_.bench().settle_until([&] { return patient_.bench().dead().size() == 1; });
  EXPECT_EQ(*patient_.node().dead().named({}, 0), (std::vector<uint64_t>{1}));
}

TEST_P(Retry, R9WhatFailsAgainStaysWithOneMoreAttempt) {
  patient_.infect();
  const DeadLetter before = patient_.bench().dead()[0];
  patient_.how = 4;
  ASSERT_TRUE(patient_.node().retry_dead({}));
  patient_.bench().settle_until(
      [&] { return patient_.bench().dead()[0].attempts > before.attempts; });
  patient_.bench().settle_until([&] { return !patient_.node().dead().is_retried(0); });
  const DeadLetter after = patient_.bench().dead()[0];
  EXPECT_EQ(after.attempts, before.attempts + 1);
  EXPECT_EQ(after.status, 4);
  EXPECT_EQ(after.unit, before.unit);
  EXPECT_EQ(after.bytes, kPoison);
  patient_.bench().give({"21\n"});
  patient_.bench().settle_until([&] { return patient_.settled(21); });
  EXPECT_EQ(patient_.times_published(), 0u);
  EXPECT_TRUE(patient_.bench().output().ends_with("20\n21\n"));
  EXPECT_EQ(patient_.bench().dead().size(), 1u);
}

TEST_P(Retry, R9ExitStatus75IsNoAttempt) {
  patient_.infect();
  const uint32_t attempts = patient_.bench().dead()[0].attempts;
  patient_.how = 75;
  ASSERT_TRUE(patient_.node().retry_dead({}));
  patient_.bench().settle_until([&] { return !patient_.node().dead().is_retried(0); });
  patient_.bench().give({"21\n"});
  patient_.bench().settle_until([&] { return patient_.settled(21); });
  ASSERT_EQ(patient_.bench().dead().size(), 1u);
  EXPECT_EQ(patient_.bench().dead()[0].attempts, attempts);
}

// The wrapper dies after any number of turns: the letter is there, or what came of it is.
TEST_P(Retry, R9ACrashLeavesALetterDeadOrItsOutputCommitted) {
  for (const bool drop : {false, true}) {
    bool was_dead = false;
    bool was_done = false;
    for (int turns = 0; turns < 12; ++turns) {
      SCOPED_TRACE(::testing::Message() << turns << drop);
      Patient patient(GetParam());
      patient.infect();
      patient.how = 0;
      if (drop) {
        ASSERT_TRUE(patient.node().drop_dead({}, [] {}));
      } else {
        ASSERT_TRUE(patient.node().retry_dead({}));
      }
      for (int i = 0; i < turns; ++i) patient.bench().settle();
      patient.boot();
      const bool dead = !patient.bench().dead().empty();
      (dead ? was_dead : was_done) = true;
      EXPECT_EQ(patient.times_published(), dead || drop ? 0u : 1u);
      EXPECT_EQ(patient.node().dead().count(), dead ? 1u : 0u);
      if (!dead || drop) continue;
      ASSERT_TRUE(patient.node().retry_dead({}));
      patient.bench().settle_until([&] { return patient.bench().dead().empty(); });
      EXPECT_EQ(patient.times_published(), 1u);
    }
    EXPECT_TRUE(was_dead && was_done);
  }
}

TEST_P(Retry, R9WhatIsDroppedIsNotTriedAnyMore) {
  patient_.infect();
  patient_.how = 0;
  ASSERT_TRUE(patient_.node().retry_dead({}));
  patient_.node().turn(patient_.bench().now());
  ASSERT_EQ(patient_.node().dead().under_way(), 0u);
  bool done = false;
  EXPECT_EQ(*patient_.node().drop_dead({"0.1.0"}, [&] { done = true; }), 1u);
  EXPECT_FALSE(done) << "not before it is gone from the log";
  patient_.bench().settle_until([&] { return done; });
  EXPECT_THAT(patient_.bench().dead(), IsEmpty());
  patient_.bench().give({"21\n"});
  patient_.bench().settle_until([&] { return patient_.settled(21); });
  EXPECT_EQ(patient_.times_published(), 0u);
  EXPECT_EQ(*patient_.node().drop_dead({"0.1.0"}, [] {}), 0u);
}

TEST_P(Retry, R9AfterTheEndNothingIsTriedAndAllCanBeDropped) {
  patient_.infect();
  // What waits when the input ends is still tried.
  ASSERT_TRUE(patient_.node().retry_dead({}));
  patient_.bench().end();
  patient_.bench().settle_to_the_end();
  ASSERT_TRUE(patient_.node().ended()) << patient_.bench().failure;
  ASSERT_EQ(patient_.bench().dead().size(), 1u);
  EXPECT_EQ(patient_.bench().dead()[0].status, 3);
  const auto late = patient_.node().retry_dead({});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kConflict);
  EXPECT_NE(late.error().what.find("has ended"), std::string::npos);
  bool done = false;
  EXPECT_EQ(*patient_.node().drop_dead({}, [&] { done = true; }), 1u);
  for (int i = 0; i < 3; ++i) patient_.bench().settle();
  EXPECT_TRUE(done);
  EXPECT_THAT(patient_.bench().dead(), IsEmpty());
}

// Somebody asks for it without end, and it fails without end.
TEST_P(Retry, R9OtherInputGoesOnBetweenLetters) {
  patient_.infect();
  const uint32_t attempts = patient_.bench().dead()[0].attempts;
  for (int i = 21; i <= 60; ++i) patient_.bench().give({std::to_string(i) + "\n"});
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(patient_.node().retry_dead({}));
    patient_.bench().settle();
  }
  EXPECT_EQ(patient_.node().inputs()[0].durable.frontier.seq, 60u)
      << patient_.node().runner_state();
  EXPECT_GT(patient_.bench().dead()[0].attempts, attempts + 3);
}

// Behind a suspect that nothing comes after, and while its program is down for everything else.
TEST_P(Retry, R9SuspectsAreNoneOfItsBusiness) {
  patient_.infect();
  patient_.bench().give({kPoison});
  for (int i = 0; i < 100; ++i) patient_.bench().settle();
  ASSERT_EQ(patient_.bench().dead().size(), 1u) << "the second one is a suspect, no letter";
  ASSERT_TRUE(patient_.node().retry_dead({}));
  patient_.bench().settle_until([&] { return !patient_.node().dead().is_retried(0); });
  EXPECT_EQ(patient_.bench().dead().size(), 1u);
  patient_.how = 0;
  ASSERT_TRUE(patient_.node().retry_dead({}));
  patient_.bench().settle_until([&] { return patient_.times_published() == 2; });
  EXPECT_THAT(patient_.bench().dead(), IsEmpty());
}

}  // namespace
}  // namespace weir::core
