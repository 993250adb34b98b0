#include "wrapper/inspect/questions.h"

#include <gtest/gtest.h>

#include "wrapper/core/state.h"
#include "wrapper/wal/keys.h"
#include "wrapper/wal/memory_log.h"

namespace weir::inspect {
namespace {

const wire::InstanceKey kKey{"p", "work", 2};

class Questions : public testing::Test {
 protected:
  void put(uint64_t number, const std::string& bytes) {
    core::DeadLetter letter;
    letter.lane = "gen.0";
    letter.bytes = bytes;
    letter.term = 4;
    wal::LogBatch batch;
    batch.put(wal::key(wal::kDead, number), encode(letter));
    ASSERT_TRUE(log_.write(batch, true));
  }
  Result<wire::DeadData> ask(const std::string& id, uint64_t from = 0, uint64_t record_from = 0,
                             uint64_t record_bytes = UINT64_MAX) {
    return answer(log_, {kKey, id, from, record_from, record_bytes},
                  [](uint64_t number) { return number == 1; });
  }
  Result<wire::DeadChanged> drop(std::vector<std::string> ids) {
    return change(log_, {kKey, wire::DeadAction::kDrop, std::move(ids)});
  }
  // What an answer is after its way.
  static wire::DeadData sent(const Result<wire::DeadData>& data) {
    EXPECT_TRUE(data);
    const auto bytes = wire::encode({"r", *data});
    EXPECT_TRUE(bytes);
    return std::get<wire::DeadData>(wire::decode(*bytes)->message);
  }

  wal::MemoryLog log_;
};

TEST_F(Questions, AllOfThem) {
  for (const uint64_t number : {0, 1, 7}) put(number, "record " + std::to_string(number));
  const wire::DeadData data = sent(ask(""));
  ASSERT_EQ(data.letters.size(), 3u);
  EXPECT_EQ(data.next, 0u);
  EXPECT_EQ(data.letters[2].id, "2.4.7");
  EXPECT_EQ(data.letters[2].node, "work");
  EXPECT_EQ(data.records[2].value, "record 7");
  EXPECT_FALSE(data.letters[0].retrying);
  EXPECT_TRUE(data.letters[1].retrying);
}

TEST_F(Questions, InParts) {
  const std::string large(wire::kDeadDataBytesMax, 'x');
  for (uint64_t number = 0; number < 8; ++number) put(number, large);
  put(8, "small");
  size_t letters = 0;
  uint64_t from = 0;
  do {
    const wire::DeadData data = sent(ask("", from));
    ASSERT_FALSE(data.letters.empty());
    letters += data.letters.size();
    from = data.next;
  } while (from != 0);
  EXPECT_EQ(letters, 9u);
  std::string record;
  while (record.size() < large.size()) {
    const wire::DeadData part = sent(ask("2.4.3", 0, record.size()));
    ASSERT_EQ(part.letters.size(), 1u);
    ASSERT_FALSE(part.records[0].value.empty());
    record += part.records[0].value;
  }
  EXPECT_TRUE(record == large);
  EXPECT_EQ(sent(ask("", 8, 0, 2)).records[0].value, "sm");
  EXPECT_EQ(sent(ask("2.4.8", 0, 99)).records[0].value, "");
}

TEST_F(Questions, AnIdThatIsNotThere) {
  put(0, "x");
  for (const char* id : {"2.4.1", "2.5.0", "1.4.0", "x"}) {
    const auto data = ask(id);
    ASSERT_FALSE(data) << id;
    EXPECT_EQ(data.error().code, ErrorCode::kNotFound);
  }
}

TEST_F(Questions, DroppedIsForEverAndItsNumberIsNotGivenAgain) {
  for (const uint64_t number : {0, 1, 2}) put(number, "x");
  auto done = drop({"2.4.1", "2.4.2"});
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_EQ(*done, (wire::DeadChanged{kKey, 2, 1}));
  EXPECT_EQ(core::load(log_)->next_dead_letter, 3u);
  EXPECT_EQ(drop({"2.4.1"})->letters, 0u) << "asked again";
  EXPECT_EQ(drop({"2.4.3"}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(*drop({}), (wire::DeadChanged{kKey, 1, 0}));
  EXPECT_EQ(core::load(log_)->next_dead_letter, 3u);
  EXPECT_EQ(*drop({}), (wire::DeadChanged{kKey, 0, 0}));
}

TEST_F(Questions, ARetryNeedsTheProgram) {
  put(0, "x");
  const auto done = change(log_, {kKey, wire::DeadAction::kRetry, {}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kConflict);
  EXPECT_EQ(core::load(log_)->dead_letters, 1u);
}

}  // namespace
}  // namespace weir::inspect
