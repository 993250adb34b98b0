// The contract of Store, on both stores; and what only a store on disk can show: it outlives a
// kill -9.
#include "broker/store/store.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>

namespace weir::broker {
namespace {

const StoreKey kFirst{RecordKind::kMeta, 1};
const StoreKey kSecond{RecordKind::kPipeline, 7};
const StoreKey kThird{RecordKind::kPlacement, 1ull << 40};

class Folder {
 public:
  Folder() { EXPECT_NE(::mkdtemp(path_.data()), nullptr); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string store() const { return path_ + "/store"; }

 private:
  std::string path_ = "/tmp/weir-store-XXXXXX";
};

class StoreContract : public ::testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<Store> make() {
    if (!GetParam()) return make_memory_store();
    auto store = open_rocks_store(folder_.store());
    EXPECT_TRUE(store);
    return std::move(*store);
  }
  Folder folder_;
};

std::vector<StoreRecord> load(Store& store) {
  auto records = store.load();
  EXPECT_TRUE(records);
  return std::move(*records);
}

TEST_P(StoreContract, IsEmptyAtFirst) { EXPECT_TRUE(load(*make()).empty()); }

TEST_P(StoreContract, GivesBackWhatWasWrittenInTheOrderOfKeys) {
  auto store = make();
  ASSERT_TRUE(store->write({{kThird, "c"}, {kFirst, std::string("a\0a", 3)}, {kSecond, ""}}));
  EXPECT_EQ(load(*store), (std::vector<StoreRecord>{
                              {kFirst, std::string("a\0a", 3)}, {kSecond, ""}, {kThird, "c"}}));
}

TEST_P(StoreContract, ReplacesAndDeletes) {
  auto store = make();
  ASSERT_TRUE(store->write({{kFirst, "a"}, {kSecond, "b"}}));
  ASSERT_TRUE(store->write({{kFirst, "A"}, {kSecond, std::nullopt}, {kThird, std::nullopt}}));
  EXPECT_EQ(load(*store), (std::vector<StoreRecord>{{kFirst, "A"}}));
}

TEST_P(StoreContract, WithinOneBatchTheLastWriteCounts) {
  auto store = make();
  ASSERT_TRUE(
      store->write({{kFirst, "a"}, {kFirst, "b"}, {kSecond, "c"}, {kSecond, std::nullopt}}));
  EXPECT_EQ(load(*store), (std::vector<StoreRecord>{{kFirst, "b"}}));
}

TEST_P(StoreContract, AnEmptyBatchIsGood) { EXPECT_TRUE(make()->write({})); }

INSTANTIATE_TEST_SUITE_P(Both, StoreContract, ::testing::Bool(), [](const auto& param_info) {
  return param_info.param ? "Rocks" : "Memory";
});

TEST(RocksStore, IsThereAfterReopening) {
  const Folder folder;
  for (uint64_t round = 0; round < 5; ++round) {
    auto store = open_rocks_store(folder.store());
    ASSERT_TRUE(store);
    EXPECT_EQ(load(**store).size(), round);
    ASSERT_TRUE((*store)->write({{{RecordKind::kResult, round}, std::to_string(round)}}));
  }
}

TEST(RocksStore, IsOpenedByOneProcessOnly) {
  const Folder folder;
  auto store = open_rocks_store(folder.store());
  ASSERT_TRUE(store);
  auto second = open_rocks_store(folder.store());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict) << second.error().what;
  EXPECT_NE(second.error().what.find(folder.store() + " is in use"), std::string::npos);
}

TEST(RocksStore, AFolderThatCannotBeIsAnError) {
  EXPECT_FALSE(open_rocks_store("/proc/nothing/store"));
}

// A child writes batches of two records and says after each that it is done; it is killed while it
// writes. All that it said is there, and never half a batch.
TEST(RocksStore, KeepsWhatWasWrittenBeforeAKill) {
  const Folder folder;
  int said[2];
  ASSERT_EQ(::pipe(said), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto store = open_rocks_store(folder.store());
    for (uint64_t i = 0; store; ++i) {
      const bool good =
          (*store)
              ->write({{{RecordKind::kPipeline, i}, "p"}, {{RecordKind::kPlacement, i}, "t"}})
              .has_value();
      if (!good || ::write(said[1], "x", 1) != 1) ::_exit(1);
    }
    ::_exit(1);
  }
  size_t done = 0;
  char byte = 0;
  while (done < 50 && ::read(said[0], &byte, 1) == 1) ++done;
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ::close(said[1]);
  while (::read(said[0], &byte, 1) == 1) ++done;
  ::close(said[0]);
  auto store = open_rocks_store(folder.store());
  ASSERT_TRUE(store);
  const auto records = load(**store);
  EXPECT_EQ(records.size() % 2, 0u);
  EXPECT_GE(records.size(), 2 * done);
  EXPECT_LE(records.size(), 2 * (done + 1));
}

}  // namespace
}  // namespace weir::broker
