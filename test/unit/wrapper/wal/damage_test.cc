// What becomes of a log whose files are not what was written: whatever it is, it is seen, and what
// was synced is never silently less.
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <optional>
#include <random>

#include "test/unit/wrapper/wal/log_folder.h"
#include "wrapper/wal/synced_mark.h"

namespace weir::wal {
namespace {

using Contents = std::map<std::string, std::string>;

// All that a log gives when it is opened and read, or what is wrong with it.
Result<Contents> open_and_read(const std::string& dir) {
  const auto log = open_rocks_log(dir, {});
  if (!log) return log.error();
  Contents all;
  const Status read =
      (*log)->scan(std::string(1, '\0'), std::string(1, '\x7f'), [&](auto key, auto value) {
        if (key != "Msynced") all.emplace(key, value);
        return true;
      });
  if (!read) return read.error();
  return all;
}

// A log of some openings: tables, a write-ahead log with something in it, two segment files,
// trimmed blocks. All of it is synced.
void fill_and_trim(const std::string& dir) {
  fill(dir);
  auto log = open_rocks_log(dir, {});
  ASSERT_TRUE(log) << log.error().what;
  LogBatch trim;
  trim.erase_range(key(kBlock), key(kBlock, id(8)));
  ASSERT_TRUE((*log)->write(trim, true));
  for (uint64_t seq = 41; seq <= 60; ++seq) {
    LogBatch batch;
    batch.put(key(kBlock, id(seq)), block(seq, seq % 3 == 0 ? 50'000 : 500).bytes);
    batch.put(key(kCommit), std::to_string(seq));
    ASSERT_TRUE((*log)->write(batch, true));
  }
}

std::vector<std::string> files_of(const std::string& dir) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string find_file(const std::string& dir, const std::string& part) {
  for (const std::string& file : files_of(dir)) {
    if (file.find(part) != std::string::npos) return file;
  }
  ADD_FAILURE() << "no " << part << " in " << dir;
  return "";
}

void flip(const std::string& file, uint64_t at, uint8_t bit) {
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekg(static_cast<std::streamoff>(at));
  const int byte = bytes.get();
  bytes.seekp(static_cast<std::streamoff>(at));
  bytes.put(static_cast<char>(byte ^ (1 << bit)));
}

class DamagedLog : public testing::Test {
 protected:
  void SetUp() override {
    fill_and_trim(whole_.path());
    const Result<Contents> all = read_copy([](const std::string&) {});
    ASSERT_TRUE(all) << all.error().what;
    expected_ = *all;
    ASSERT_EQ(expected_.size(), 94u);
  }
  Result<Contents> read_copy(const std::function<void(const std::string& dir)>& damage) const {
    const TempDir copy;
    fs::copy(whole_.path(), copy.path(), fs::copy_options::recursive);
    damage(copy.path());
    return open_and_read(copy.path());
  }

  TempDir whole_;
  Contents expected_;
};

// One bit flipped, one file cut off or gone, anywhere.
TEST_F(DamagedLog, IsSeenOrDoesNoHarm) {
  const char* const given = std::getenv("WEIR_TEST_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 11;
  std::mt19937_64 random(seed);
  size_t seen = 0;
  const char* const wanted = std::getenv("WEIR_DAMAGES");
  const size_t rounds = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 100;
  for (size_t round = 0; round < rounds; ++round) {
    std::string what;
    const Result<Contents> all = read_copy([&](const std::string& dir) {
      const std::vector<std::string> files = files_of(dir);
      const std::string& file = files[random() % files.size()];
      const uint64_t size = fs::file_size(file);
      what = file.substr(dir.size());
      if (random() % 8 == 0) {
        what += " is gone";
        fs::remove(file);
      } else if (random() % 4 == 0 && size > 0) {
        const uint64_t left = random() % size;
        what += " is cut off at " + std::to_string(left);
        fs::resize_file(file, left);
      } else if (size > 0) {
        const uint64_t at = random() % size;
        what += " has a flipped bit at " + std::to_string(at);
        flip(file, at, random() % 8);
      }
    });
    if (!all) {
      ++seen;
      EXPECT_EQ(all.error().code, ErrorCode::kCorrupt) << what << ": " << all.error().what;
    } else {
      EXPECT_TRUE(*all == expected_) << "seed " << seed << ": " << what;
    }
  }
  EXPECT_GT(seen, rounds / 3);
  std::printf("%zu damages, %zu of them reported, the others harmless (seed %llu)\n", rounds, seen,
              static_cast<unsigned long long>(seed));
}

// What is broken is named.
TEST_F(DamagedLog, NamesTheFile) {
  const struct {
    const char* file;  // A part of its path.
    const char* named;
    std::function<void(const std::string& file)> damage;
  } kCases[] = {
      {".sst", ".sst", [](const auto& file) { flip(file, 100, 0); }},
      {".sst", ".sst", [](const auto& file) { fs::remove(file); }},
      {".sst", ".sst", [](const auto& file) { fs::resize_file(file, 200); }},
      {"MANIFEST", "MANIFEST", [](const auto& file) { flip(file, 30, 0); }},
      {"MANIFEST", "MANIFEST", [](const auto& file) { fs::remove(file); }},
      {"CURRENT", "CURRENT", [](const auto& file) { fs::remove(file); }},
      {"CURRENT", "CURRENT", [](const auto& file) { fs::resize_file(file, 0); }},
      {".log", ".log: dropping", [](const auto& file) { flip(file, 300, 0); }},
      {".log", "/db is missing, cut off", [](const auto& file) { fs::remove(file); }},
      {".log", "/db is missing, cut off", [](const auto& file) { fs::resize_file(file, 400); }},
      {".seg", ".seg", [](const auto& file) { fs::remove(file); }},
      {".seg", ".seg", [](const auto& file) { fs::resize_file(file, 4096); }},
  };
  for (const auto& c : kCases) {
    const Result<Contents> all =
        read_copy([&](const std::string& dir) { c.damage(find_file(dir, c.file)); });
    ASSERT_FALSE(all) << c.file << " " << c.named;
    EXPECT_EQ(all.error().code, ErrorCode::kCorrupt) << all.error().what;
    EXPECT_NE(all.error().what.find(c.named), std::string::npos)
        << c.file << ": " << all.error().what;
  }
}

TEST_F(DamagedLog, TheWholeDatabaseIsGone) {
  const Result<Contents> all =
      read_copy([](const std::string& dir) { fs::remove_all(dir + "/db"); });
  ASSERT_FALSE(all);
  EXPECT_NE(all.error().what.find("/db: there is nothing in it"), std::string::npos)
      << all.error().what;
}

// A log that is damaged is not made worse by trying to open it.
TEST_F(DamagedLog, StaysDamaged) {
  const auto twice = [](const std::string& dir) {
    flip(find_file(dir, ".log"), 300, 0);
    EXPECT_FALSE(open_and_read(dir));
  };
  const Result<Contents> all = read_copy(twice);
  ASSERT_FALSE(all);
  EXPECT_NE(all.error().what.find("writes that were on the disk"), std::string::npos)
      << all.error().what;
}

// The mark claims nothing where nothing was synced: a tail that was lost with the power is no
// damage, and what came before it is there.
TEST(SyncedMark, ALostTailThatWasNotSyncedIsNoDamage) {
  for (const bool torn : {true, false}) {
    TempDir dir;
    {
      auto log = open_rocks_log(dir.path(), {});
      ASSERT_TRUE(log);
      for (uint64_t n = 0; n < 20; ++n) {
        LogBatch batch;
        batch.put(key(kExtent, n), std::string(100, 'x'));
        ASSERT_TRUE((*log)->write(batch, n < 10));
      }
    }
    const std::string file = write_ahead_log(dir.path());
    const uint64_t size = fs::file_size(file);
    if (torn) {
      fs::resize_file(file, size - 200);
    } else {
      flip(file, size - 200, 3);
    }
    std::string remarks;
    RocksOptions options;
    options.on_remark = [&](const std::string& text) { remarks += text; };
    const auto log = open_rocks_log(dir.path(), options);
    ASSERT_TRUE(log) << log.error().what;
    EXPECT_EQ(contents(**log).size(), 18u);
    EXPECT_EQ(remarks.find("was not synced, and is lost") == std::string::npos, torn) << remarks;
    EXPECT_EQ(remarks.find(file) == std::string::npos, torn) << remarks;
  }
}

TEST(SyncedMark, OneThatIsNotWholeClaimsNothing) {
  TempDir dir;
  const std::string path = dir.path() + "/mark";
  {
    auto mark = SyncedMark::open(path);
    ASSERT_TRUE(mark);
    EXPECT_EQ(mark->synced(), 0u);
    ASSERT_TRUE(mark->reached(7));
    ASSERT_TRUE(mark->reached(8));
  }
  EXPECT_EQ(SyncedMark::read(path), 8u);
  flip(path, 7, 0);
  EXPECT_EQ(SyncedMark::read(path), std::nullopt);
  auto mark = SyncedMark::open(path);
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->synced(), 0u);
}

}  // namespace
}  // namespace weir::wal
