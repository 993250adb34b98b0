// Values that a log keeps, there and back; and what a log is found to hold when it is opened.
#include "wrapper/core/state.h"

#include <gtest/gtest.h>

#include "wrapper/core/lane.h"
#include "wrapper/core/log_entries.h"
#include "wrapper/wal/keys.h"
#include "wrapper/wal/memory_log.h"

namespace weir::core {
namespace {

DeadLetter letter() {
  DeadLetter made;
  made.lane = "gen.0";
  made.record = {{3, 1, 99}, 613};
  made.unit = {4, 1, 2, ".0.1"};
  made.reason = "exited with status 5";
  made.stderr_tail = std::string("no\0\xff\n", 5);
  made.action = "./work";
  made.bytes = std::string("a\0b\n", 4);
  made.attempts = 6;
  made.unix_ms = 1'767'323'045'678;
  made.term = 4;
  return made;
}

// The order is of a broker that was restored from an old copy: what it gives is too low.
TEST(State, R10ALogThatKnowsAHigherTermThanItsOrderKeepsIt) {
  LogState state;
  EXPECT_EQ(next_incarnation(state, 2), (Incarnation{2, 1, 0}));
  state.history = {{{1, 4, 7}, 1, 9}, {{3, 5, 8}, 1, 0}};
  state.commit.of = {1, 4, 7};
  EXPECT_EQ(next_incarnation(state, 2), (Incarnation{3, 6, 0}));
  EXPECT_EQ(next_incarnation(state, 4), (Incarnation{4, 6, 0}));
}

// A commit with what a source attached, and one as it was written before there was any such thing.
TEST(State, PositionsComeBackWholeAndOldCommitsOpen) {
  const auto stored = [](const std::string& commit, const std::string& base) {
    wal::MemoryLog log;
    wal::LogBatch batch;
    batch.put(wal::key(wal::kMeta, "version"), Encoder().u32(wal::kFormatOldest).bytes());
    batch.put(wal::key(wal::kMeta, "base"), base);
    batch.put(wal::key(wal::kCommit), commit);
    EXPECT_TRUE(log.write(batch, true));
    return load(log);
  };
  CommitState commit;
  commit.of = {1, 2, 3};
  commit.published = 17;
  commit.position = {5, std::string("\0\xff\n", 3)};
  commit.out_hash = 9;
  const SourcePosition base{2, std::string(kPositionTokenBytesMax, '\0')};
  auto state = stored(encode(commit), encode_base(base));
  ASSERT_TRUE(state) << state.error().what;
  EXPECT_EQ(state->commit.position, commit.position);
  EXPECT_EQ(state->base_position, base);
  EXPECT_EQ(state->commit.out_hash, 9u);

  const std::string old_commit =
      Encoder().u64(1).u64(2).u64(3).u64(17).u8(0).u64(5).u64(0).u64(0).u64(9).u8(0).bytes();
  const std::string old_base = Encoder().u64(2).bytes();
  state = stored(old_commit, old_base);
  ASSERT_TRUE(state) << state.error().what;
  EXPECT_EQ(state->commit.position, (SourcePosition{5, ""}));
  EXPECT_EQ(state->base_position, (SourcePosition{2, ""}));
  commit.position.token.clear();
  EXPECT_EQ(encode(commit), old_commit) << "and those without one are written as they were";
  EXPECT_EQ(encode_base({2, ""}), old_base);
  EXPECT_FALSE(stored(old_commit + "x", old_base)) << "that is no token";
}

Result<LogState> load_with_format(const std::string& format) {
  wal::MemoryLog log;
  wal::LogBatch batch;
  batch.put(wal::key(wal::kMeta, "version"), format);
  batch.put(wal::key(wal::kAttempts), std::string("what it means only that release knows"));
  EXPECT_TRUE(log.write(batch, true));
  return load(log);
}

TEST(State, ALogOfALaterFormatIsRefusedWithoutALookAtTheRest) {
  const auto later = load_with_format(Encoder().u32(wal::kFormatNewest + 1).bytes());
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(later.error().what,
            "log: its format is 3, and this release reads 1 to 2: it is of another release");
  EXPECT_EQ(load_with_format("x").error().code, ErrorCode::kCorrupt);
}

TEST(State, EachFormatThatIsKnownOpensAndSaysWhichItIs) {
  for (uint32_t format = wal::kFormatOldest; format <= wal::kFormatNewest; ++format) {
    wal::MemoryLog log;
    wal::LogBatch batch;
    put_format(batch, format);
    ASSERT_TRUE(log.write(batch, true));
    const auto state = load(log);
    ASSERT_TRUE(state) << state.error().what;
    EXPECT_EQ(state->format, format);
  }
}

// So that a release that knows no watermarks does not take up the log, whatever else is in it.
TEST(State, ALaneSaysWhenItsLogNeedsALaterFormat) {
  wal::MemoryLog log;
  const auto format_after = [&](const wire::Mark& mark) {
    const auto state = load(log);
    wal::LogBatch batch;
    Lane lane(log, *state, next_incarnation(*state, 1), batch);
    lane.append_mark(mark, batch);
    lane.publish(batch);
    EXPECT_TRUE(log.write(batch, true));
    return load(log)->format;
  };
  EXPECT_EQ(format_after(wire::kAbandonedMark), 1u);
  EXPECT_EQ(format_after({wire::Mark::Kind::kWatermark, 5}), 2u);
  EXPECT_EQ(format_after(wire::kAbandonedMark), 2u) << "it does not go back";
}

TEST(State, DeadLettersComeBackWhole) {
  const std::pair<std::optional<int>, std::optional<int>> kEnds[] = {
      {5, std::nullopt}, {0, std::nullopt}, {std::nullopt, 9}, {std::nullopt, std::nullopt}};
  for (const auto& [status, signal] : kEnds) {
    DeadLetter made = letter();
    made.status = status;
    made.signal = signal;
    const Result<DeadLetter> back = decode_dead_letter(encode(made));
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_EQ(back->status, status);
    EXPECT_EQ(back->signal, signal);
    EXPECT_EQ(back->lane, made.lane);
    EXPECT_EQ(back->record, made.record);
    EXPECT_EQ(back->unit, made.unit);
    EXPECT_EQ(back->reason, made.reason);
    EXPECT_EQ(back->stderr_tail, made.stderr_tail);
    EXPECT_EQ(back->action, made.action);
    EXPECT_EQ(back->bytes, made.bytes);
    EXPECT_EQ(back->attempts, made.attempts);
    EXPECT_EQ(back->unix_ms, made.unix_ms);
    EXPECT_EQ(back->term, made.term);
  }
}

TEST(State, ADeadLetterOfTheLongestCommand) {
  DeadLetter made = letter();
  made.action = std::string(128 << 10, 'x');
  ASSERT_TRUE(decode_dead_letter(encode(made)));
}

TEST(State, APartOfADeadLetterIsNone) {
  const std::string whole = encode(letter());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_dead_letter(std::string_view(whole).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_dead_letter(whole + "x"));
}

// Ids of dead letters are made from their numbers: none may come twice.
TEST(State, NumbersOfDeadLettersGoOnAboveThoseThatAreThere) {
  wal::MemoryLog log;
  EXPECT_EQ(load(log)->next_dead_letter, 0u);
  wal::LogBatch batch;
  for (const uint64_t number : {2, 7}) batch.put(wal::key(wal::kDead, number), encode(letter()));
  ASSERT_TRUE(log.write(batch, true));
  const auto state = load(log);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->dead_letters, 2u);
  EXPECT_EQ(state->next_dead_letter, 8u);
}

}  // namespace
}  // namespace weir::core
