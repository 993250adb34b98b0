#include "wrapper/inspect/dead_letters.h"

#include <gtest/gtest.h>

#include "wrapper/core/state.h"
#include "wrapper/wal/keys.h"
#include "wrapper/wal/memory_log.h"

namespace weir::inspect {
namespace {

core::DeadLetter letter(const std::string& bytes, uint64_t term = 4) {
  core::DeadLetter made;
  made.lane = "gen.0";
  made.record = {{3, 1, 99}, 613};
  made.unit = {4, 1, 2, ".0.1"};
  made.reason = "exited with status 5";
  made.stderr_tail = "no\n";
  made.action = "./work";
  made.bytes = bytes;
  made.status = 5;
  made.attempts = 6;
  made.unix_ms = 1000;
  made.term = term;
  return made;
}

class DeadLetters : public testing::Test {
 protected:
  void put(std::string key, std::string value) {
    wal::LogBatch batch;
    batch.put(std::move(key), std::move(value));
    ASSERT_TRUE(log_.write(batch, true));
  }
  void put_letter(uint64_t number, const core::DeadLetter& letter) {
    put(wal::key(wal::kMeta, "identity"), "p/work-2.3");
    put(wal::key(wal::kDead, number), encode(letter));
  }
  // "ID:RECORD " of each.
  std::string read(const DeadLetterQuery& query = {}) {
    std::string seen;
    const Status done = read_dead_letters(log_, query, [&](const auto& letter, auto record) {
      seen += letter.id + ":" + std::string(record) + " ";
      EXPECT_EQ(letter.sent_bytes, record.size());
      last_ = letter;
      return true;
    });
    if (!done) seen += done.error().what;
    return seen;
  }

  wal::MemoryLog log_;
  wire::DeadLetter last_;
};

TEST_F(DeadLetters, OfAnEmptyLog) { EXPECT_EQ(read(), ""); }

TEST_F(DeadLetters, AllThatIsKnown) {
  put_letter(0, letter("613\n"));
  EXPECT_EQ(read(), "3.4.0:613\n ");
  wire::DeadLetter expected;
  expected.pipeline = "p";
  expected.node = "work-2";
  expected.instance = 3;
  expected.id = "3.4.0";
  expected.origin = "gen.0";
  expected.origin_record = "3.1.613";
  expected.unit = "4-1-2.0.1";
  expected.unix_ms = 1000;
  expected.attempts = 6;
  expected.reason = "exited with status 5";
  expected.status = 5;
  expected.stderr_tail.value = "no\n";
  expected.action = "./work";
  expected.record_bytes = expected.sent_bytes = 4;
  EXPECT_EQ(last_, expected);
}

TEST_F(DeadLetters, ALetterWithoutAUnit) {
  core::DeadLetter of_lines = letter("x");
  of_lines.unit = {};
  put_letter(0, of_lines);
  EXPECT_EQ(read(), "3.4.0:x ");
  EXPECT_EQ(last_.unit, "");
}

TEST_F(DeadLetters, OnlyOne) {
  for (uint64_t number : {0, 1, 2, 300}) put_letter(number, letter(std::to_string(number)));
  put_letter(301, letter("of a later term", 9));
  EXPECT_EQ(read(), "3.4.0:0 3.4.1:1 3.4.2:2 3.4.300:300 3.9.301:of a later term ");
  EXPECT_EQ(read({"3.4.300"}), "3.4.300:300 ");
  EXPECT_EQ(read({"3.9.301"}), "3.9.301:of a later term ");
  for (const char* id : {"3.4.3", "3.9.300", "0.4.1", "4.1", "1", "x", "3.4.x", "3.4.", "3.4.-1",
                         "3.4.99999999999999999999999"}) {
    EXPECT_EQ(read({id}), std::string("there is no dead letter ") + id);
  }
}

TEST_F(DeadLetters, OfEachRecordNoMoreThan) {
  put_letter(0, letter("a long record"));
  put_letter(1, letter("a"));
  EXPECT_EQ(read({"", 6}), "3.4.0:a long 3.4.1:a ");
  EXPECT_EQ(last_.record_bytes, 1u);
}

TEST_F(DeadLetters, EnoughIsEnough) {
  put_letter(0, letter("0"));
  put_letter(1, letter("1"));
  int seen = 0;
  EXPECT_TRUE(read_dead_letters(log_, {}, [&](const auto&, auto) {
    ++seen;
    return false;
  }));
  EXPECT_EQ(seen, 1);
}

TEST_F(DeadLetters, DamageIsSaid) {
  put_letter(0, letter("0"));
  put(wal::key(wal::kDead, 1), "garbage");
  EXPECT_EQ(read(), "3.4.0:0 log: a dead letter does not decode");
  put(wal::key(wal::kMeta, "version"), "other");
  EXPECT_NE(read().find("the log is damaged"), std::string::npos) << read();
}

TEST_F(DeadLetters, ALogThatDoesNotSayWhoseItIs) {
  put(wal::key(wal::kDead, 0), encode(letter("0")));
  EXPECT_EQ(read(), "the log does not say whose it is");
}

}  // namespace
}  // namespace weir::inspect
