// What `weirctl wal verify` and `wal dump` say of logs that were made for it.
#include "wrapper/inspect/log_verify.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "test/unit/wrapper/wal/log_folder.h"
#include "wrapper/core/state.h"
#include "wrapper/inspect/log_dump.h"

namespace weir::inspect {
namespace {

using nlohmann::json;
using wal::block;
using wal::id;
using wal::key;
namespace fs = std::filesystem;

constexpr Incarnation kOf{1, 1, 5};

class Verify : public testing::Test {
 protected:
  // A log of the node p/work.0 with `blocks` blocks of one record each, all of them published.
  void SetUp() override {
    fs::create_directory(dir());
    for (uint64_t seq = 1; seq <= kBlocks; ++seq) {
      batch_.put(key(wal::kBlock, id(seq)), block(seq, seq % 2 == 0 ? 20'000 : 10).bytes);
    }
    core::CommitState commit;
    commit.of = kOf;
    commit.published = kBlocks;
    batch_.put(key(wal::kCommit), encode(commit));
    batch_.put(key(wal::kHistory, RecordId{1, 1, 0}), core::encode(edge::HistoryEntry{kOf, 1, 0}));
    edge::ReaderDurable input;
    input.seen = {3, 2, 9};
    input.frontier = {{3, 2, 9}, 77};
    batch_.put(key(wal::kInput, "gen.0"), core::encode(input));
    batch_.put(key(wal::kMeta, "version"), Encoder().u32(wal::kFormatOldest).bytes());
    batch_.put(key(wal::kMeta, "identity"), "p/work.0");
    batch_.put(key(wal::kMeta, "sole_copy"), "1");
    core::DeadLetter letter;
    letter.lane = "gen.0";
    letter.bytes = "bad\n";
    letter.reason = "exited with status 5";
    batch_.put(key(wal::kDead, 0), encode(letter));
  }
  std::string dir() const { return folder_.path() + "/work.0"; }
  // Writes what was put together, and looks at it.
  json verify() {
    {
      auto log = wal::open_rocks_log(dir() + "/log", {});
      EXPECT_TRUE(log) << log.error().what;
      EXPECT_TRUE((*log)->write(batch_, true));
    }
    return verify_again();
  }
  json verify_again() const {
    const auto text = verify_log(dir());
    EXPECT_TRUE(text) << text.error().what;
    return text ? json::parse(*text) : json();
  }
  // The only damage, as "WHAT | AFFECTED".
  static std::string damage(const json& log) {
    if (log["damages"].size() != 1) return log["damages"].dump();
    const json& one = log["damages"][0];
    return one["what"].get<std::string>() + " | " + one["affected"].get<std::string>();
  }

  static constexpr uint64_t kBlocks = 12;
  wal::TempDir folder_;
  wal::LogBatch batch_;
};

TEST_F(Verify, AWholeLog) {
  const json log = verify();
  EXPECT_EQ(log["damages"], json::array()) << log.dump();
  EXPECT_EQ(log["pipeline"], "p");
  EXPECT_EQ(log["node"], "work");
  EXPECT_EQ(log["instance"], 0);
  EXPECT_EQ(log["sole_copy"], true);
  EXPECT_EQ(log["blocks"], kBlocks);
  EXPECT_EQ(log["records"], kBlocks);
  EXPECT_EQ(log["bytes"], 6 * 20'000 + 6 * 10);
  EXPECT_EQ(log["dead_letters"], 1);
}

TEST_F(Verify, AnEmptyLog) {
  batch_ = {};
  batch_.put(key(wal::kMeta, "identity"), "p/work.0");
  const json log = verify();
  EXPECT_EQ(log["damages"], json::array()) << log.dump();
  EXPECT_EQ(log["blocks"], 0);
}

TEST_F(Verify, StagedBlocksAreNoDamage) {
  batch_.put(key(wal::kBlock, id(kBlocks + 1)), block(kBlocks + 1, 100).bytes);
  EXPECT_EQ(verify()["damages"], json::array());
}

TEST_F(Verify, RecordsThatAreMissing) {
  batch_.erase(key(wal::kBlock, id(5)));
  EXPECT_EQ(damage(verify()), "records are missing | records behind 1.1.4 and before 1.1.6");
}

TEST_F(Verify, RecordsThatAreMissingAtTheEnd) {
  batch_.erase_range(key(wal::kBlock, id(11)), wal::key_end(wal::kBlock));
  EXPECT_EQ(damage(verify()), "records are missing at the end | records behind 1.1.10");
}

TEST_F(Verify, ABlockInThePlaceOfAnother) {
  batch_.put(key(wal::kBlock, id(5)), block(6, 10).bytes);
  EXPECT_EQ(damage(verify()), "another block is in its place | records from 1.1.5");
}

TEST_F(Verify, ABlockThatIsNotWhatWasWritten) {
  std::string bytes(block(5, 10).bytes.view());
  bytes.back() ^= 1;
  batch_.put(key(wal::kBlock, id(5)), bytes);
  EXPECT_EQ(damage(verify()), "block: the payload's hash does not match | records from 1.1.5");
}

TEST_F(Verify, ACommitOfAnotherIncarnation) {
  core::CommitState commit;
  commit.of = {1, 1, 6};
  commit.published = kBlocks;
  batch_.put(key(wal::kCommit), encode(commit));
  const json log = verify();
  EXPECT_EQ(log["damages"][0]["what"], "the last commit is not of the newest incarnation");
}

TEST_F(Verify, AHistoryWithAHole) {
  batch_.put(key(wal::kHistory, RecordId{1, 1, 0}), core::encode(edge::HistoryEntry{kOf, 1, 10}));
  const Incarnation next{1, 2, 6};
  batch_.put(key(wal::kHistory, RecordId{1, 2, 0}), core::encode(edge::HistoryEntry{next, 12, 11}));
  core::CommitState commit;
  commit.of = next;
  commit.published = 11;
  batch_.put(key(wal::kCommit), encode(commit));
  const json log = verify();
  EXPECT_EQ(log["damages"][0]["what"],
            "history: incarnation 1.2 does not follow the one before it");
  EXPECT_EQ(log["damages"][1]["what"], "record 1.1.11 is not in the history");
}

TEST_F(Verify, AFrontierOfAWriterThatWasNeverSeen) {
  edge::ReaderDurable input;
  input.seen = {3, 1, 9};
  input.frontier = {{3, 2, 9}, 77};
  batch_.put(key(wal::kInput, "gen.0"), core::encode(input));
  EXPECT_EQ(damage(verify()),
            "input gen.0: its frontier is of a writer that was never seen | what was consumed of "
            "gen.0");
}

TEST_F(Verify, ValuesThatDoNotDecode) {
  batch_.put(key(wal::kDead, 1), std::string("nonsense"));
  EXPECT_EQ(damage(verify()), "log: a dead letter does not decode | dead letter number 1");
}

TEST_F(Verify, NamesFilesAndWhatTheyHold) {
  verify();
  { ASSERT_TRUE(wal::open_rocks_log(dir() + "/log", {})); }  // What was logged becomes a table.
  std::string table;
  for (const auto& entry : fs::directory_iterator(dir() + "/log/db")) {
    if (entry.path().extension() == ".sst") table = entry.path();
  }
  ASSERT_NE(table, "");
  std::fstream bytes(table, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekp(60);
  bytes.put('!');
  bytes.close();
  const json log = verify_again();
  const json& first = log["damages"][0];
  EXPECT_EQ(first["file"], table) << log.dump();
  EXPECT_EQ(first["affected"],
            "records from 1.1.1, the commit, dead letters, the unit under way, what the stream "
            "unit was fed, the history, the frontiers of inputs, the identity");
  EXPECT_EQ(log["sole_copy"], nullptr) << "who could say";
}

TEST_F(Verify, ASegmentThatIsGone) {
  verify();
  const std::string file = dir() + "/log/blocks/0000000000000001.seg";
  fs::remove(file);
  const json log = verify_again();
  ASSERT_EQ(log["damages"].size(), kBlocks / 2) << log.dump();
  EXPECT_EQ(log["sole_copy"], true);
  EXPECT_EQ(log["damages"][0]["file"], file);
  EXPECT_EQ(log["damages"][0]["affected"], "records from 1.1.2");
  EXPECT_EQ(log["blocks"], kBlocks);
  EXPECT_EQ(log["records"], kBlocks / 2);
  EXPECT_FALSE(dump_log(dir(), 100));
}

TEST_F(Verify, WhatItsWrapperFound) {
  verify();
  std::ofstream(dir() + "/log/condemned") << "a block was wrong";
  EXPECT_EQ(verify_again()["damages"][0]["what"], "its wrapper found: a block was wrong");
}

TEST_F(Verify, NothingThere) {
  EXPECT_EQ(verify_log(folder_.path() + "/none").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(verify_log(dir()).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(dump_log(dir(), 1).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(fs::is_empty(dir()));
}

TEST_F(Verify, ADump) {
  verify();
  const auto text = dump_log(dir(), 3);
  ASSERT_TRUE(text) << text.error().what;
  const json log = json::parse(*text);
  EXPECT_EQ(log["commit"]["published"], kBlocks);
  EXPECT_EQ(log["history"][0]["last"], kBlocks);
  EXPECT_EQ(log["history"][0]["nonce"], 5);
  EXPECT_EQ(log["inputs"][0], json({{"lane", "gen.0"},
                                    {"seen", "3.2"},
                                    {"frontier", "3.2.77"},
                                    {"enough", false},
                                    {"ended", false}}));
  EXPECT_EQ(log["dead_letters"][0]["bytes"], 4);
  EXPECT_EQ(log["blocks_total"], kBlocks);
  ASSERT_EQ(log["blocks"].size(), 3u);
  EXPECT_EQ(log["blocks"][0]["file"], nullptr);
  EXPECT_EQ(log["blocks"][1]["first"], "1.1.2");
  EXPECT_EQ(log["blocks"][1]["file"], dir() + "/log/blocks/0000000000000001.seg");
  EXPECT_EQ(log["blocks"][1]["bytes"], 20'000);
}

}  // namespace
}  // namespace weir::inspect
