// One contract for the log on disk and the one in memory; and what only the one on disk can do.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>

#include "test/unit/wrapper/wal/log_folder.h"
#include "wrapper/wal/keys.h"
#include "wrapper/wal/memory_log.h"
#include "wrapper/wal/rocks_log.h"
#include "wrapper/wal/segments.h"

namespace weir::wal {
namespace {

namespace fs = std::filesystem;

// Random batches into both: they hold the same, also after the one on disk is opened anew.
TEST(Log, RocksLogHoldsWhatMemoryLogHolds) {
  TempDir dir;
  std::mt19937_64 random(3);
  MemoryLog memory;
  auto rocks = open_rocks_log(dir.path(), {});
  ASSERT_TRUE(rocks) << rocks.error().what;
  uint64_t first = 1, next = 1;
  for (int round = 0; round < 300; ++round) {
    std::vector<LogBatch> batches(1 + random() % 3);
    for (LogBatch& batch : batches) {
      const size_t payload = random() % 4 == 0 ? 1 + random() % 300'000 : 1 + random() % 2000;
      batch.put(key(kBlock, id(next)), block(next, payload).bytes);
      batch.put(key(kCommit), std::to_string(next));
      ++next;
      if (random() % 8 == 0) {
        const uint64_t trimmed = first + random() % (next - first);
        batch.erase_range(key(kBlock, id(first)), key(kBlock, id(trimmed)));
        first = trimmed;
      }
      if (random() % 8 == 0) batch.erase(key(kAttempts));
    }
    const bool sync = random() % 4 == 0;
    ASSERT_TRUE((*rocks)->write(batches, sync));
    ASSERT_TRUE(memory.write(batches, sync));
    if (round % 100 == 99) {
      rocks = Error{ErrorCode::kUnavailable, "closed"};
      rocks = open_rocks_log(dir.path(), {});
      ASSERT_TRUE(rocks) << rocks.error().what;
    }
  }
  EXPECT_EQ(contents(**rocks), contents(memory));
  const auto last = (*rocks)->last(key(kBlock), key_end(kBlock));
  ASSERT_TRUE(last && last->has_value());
  EXPECT_EQ((*last)->first, key(kBlock, id(next - 1)));
}

TEST(Log, GetsOneValueWhereverItIs) {
  TempDir dir;
  auto log = open_rocks_log(dir.path(), {});
  ASSERT_TRUE(log) << log.error().what;
  LogBatch batch;
  batch.put(key(kBlock, id(1)), block(1, 100).bytes);
  batch.put(key(kBlock, id(2)), block(2, 100'000).bytes);
  batch.put(key(kMeta, "name"), std::string("value"));
  ASSERT_TRUE((*log)->write(batch, false));
  for (const uint64_t seq : {1, 2}) {
    const auto found = (*log)->get(key(kBlock, id(seq)));
    ASSERT_TRUE(found) << found.error().what;
    EXPECT_EQ(**found, block(seq, seq == 1 ? 100 : 100'000).bytes.view());
  }
  EXPECT_EQ(**(*log)->get(key(kMeta, "name")), "value");
  EXPECT_FALSE((*log)->get(key(kBlock, id(3)))->has_value());
}

// Whatever its length and however it begins: outside the ranges with segments nothing is a place,
// and inside it is told apart.
TEST(Log, AValueThatLooksLikeAPlaceIsAValue) {
  TempDir dir;
  std::map<std::string, std::string> put;
  const std::string place = encode(Place{1, 4096, 100});
  for (const std::string& value : {place, std::string("P"), std::string("I"), "I" + place,
                                   std::string("other"), std::string()}) {
    for (const char letter : {kMeta, kBlock}) {
      put[key(letter, "name" + std::to_string(put.size()))] = value;
    }
  }
  for (int opening = 0; opening < 2; ++opening) {
    auto log = open_rocks_log(dir.path(), {});
    ASSERT_TRUE(log) << log.error().what;
    LogBatch batch;
    for (const auto& [at, value] : put) batch.put(at, value);
    if (opening == 0) {
      ASSERT_TRUE((*log)->write(batch, true));
    }
    EXPECT_EQ(contents(**log), put);
    for (const auto& [at, value] : put) EXPECT_EQ(**(*log)->get(at), value);
  }
}

// A file goes when no range names it any more, in whichever order they are trimmed.
TEST(Log, R7SeveralRangesShareTheFiles) {
  constexpr char kOther = 'Y';
  const auto is_whole = [](std::string_view, std::string_view) { return Status(); };
  const SegmentedRange ranges[] = {{kBlock, is_whole}, {kOther, is_whole}};
  TempDir dir;
  RocksOptions options;
  options.limit_bytes = 16u << 20;
  options.segmented = ranges;
  auto log = open_rocks_log(dir.path(), options);
  ASSERT_TRUE(log) << log.error().what;
  const auto files = [&] {
    return std::distance(fs::directory_iterator(dir.path() + "/blocks"), fs::directory_iterator());
  };
  const std::string large(100'000, 'x');  // About ten of them make a file.
  for (uint64_t seq = 1; seq <= 40; ++seq) {
    LogBatch batch;
    batch.put(key(kBlock, id(seq)), SharedBytes::copy_of(large));
    batch.put(key(kOther, id(seq)), SharedBytes::copy_of(large));
    ASSERT_TRUE((*log)->write(batch, false));
  }
  const auto all = files();
  ASSERT_GT(all, 4);
  LogBatch blocks;
  blocks.erase_range(key(kBlock), key(kBlock, id(40)));
  ASSERT_TRUE((*log)->write(blocks, false));
  EXPECT_EQ(files(), all) << "the other range still names them";
  LogBatch others;
  others.erase_range(key(kOther), key(kOther, id(25)));
  ASSERT_TRUE((*log)->write(others, false));
  EXPECT_LE(files(), all / 2 + 1);
  for (uint64_t seq = 25; seq <= 40; ++seq) {
    EXPECT_EQ(**(*log)->get(key(kOther, id(seq))), large) << seq;
  }
  EXPECT_EQ(**(*log)->get(key(kBlock, id(40))), large);
}

TEST(Log, SecondOpeningIsRefused) {
  TempDir dir;
  const auto first = open_rocks_log(dir.path(), {});
  ASSERT_TRUE(first);
  const auto second = open_rocks_log(dir.path(), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict) << second.error().what;
}

// R6: what was written, synced or not, survives the death of the process.
TEST(Log, R6SurvivesKill9WithoutSync) {
  TempDir dir;
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto log = open_rocks_log(dir.path(), {});
    for (uint64_t seq = 1; log && seq <= 40; ++seq) {
      LogBatch batch;
      batch.put(key(kBlock, id(seq)), block(seq, 100'000).bytes);
      if (!(*log)->write(batch, false)) _exit(1);
    }
    (void)!write(told[1], "x", 1);
    pause();
  }
  char byte = 0;
  ASSERT_EQ(read(told[0], &byte, 1), 1);
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  close(told[0]);
  close(told[1]);
  auto log = open_rocks_log(dir.path(), {});
  ASSERT_TRUE(log) << log.error().what;
  EXPECT_EQ(contents(**log).size(), 40u);
}

void expect_trimmed_blocks_leave_the_disk(uint64_t limit_bytes, uint64_t left_bytes) {
  TempDir dir;
  RocksOptions options;
  options.limit_bytes = limit_bytes;
  auto log = open_rocks_log(dir.path(), options);
  ASSERT_TRUE(log);
  const auto blocks_on_disk = [&] {
    uint64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(dir.path() + "/blocks")) {
      bytes += entry.file_size();
    }
    return bytes;
  };
  for (uint64_t seq = 1; seq <= 400; ++seq) {
    LogBatch batch;
    batch.put(key(kBlock, id(seq)), block(seq, 1 << 20).bytes);
    ASSERT_TRUE((*log)->write(batch, false));
    if (seq % 20 != 0) continue;
    LogBatch trim;
    trim.erase_range(key(kBlock), key(kBlock, id(seq - 5)));
    ASSERT_TRUE((*log)->write(trim, false));
    EXPECT_LE(blocks_on_disk(), left_bytes);
  }
}

TEST(Log, TrimmedBlocksLeaveTheDisk) {
  expect_trimmed_blocks_leave_the_disk(0, 3 * Segments::kFileBytesMax);
}

// Or a small log would be full for ever of what nobody needs.
TEST(Log, R7TrimmedBlocksOfASmallLogLeaveTheDiskSoon) {
  // What is not trimmed, and two files.
  expect_trimmed_blocks_leave_the_disk(64u << 20, (7u << 20) + 2 * (5u << 20));
}

// Neither does what was staged and is dropped, however often, eat up the disk.
TEST(Log, R7DroppedStagedBlocksLeaveTheDisk) {
  TempDir dir;
  RocksOptions options;
  options.limit_bytes = 64u << 20;
  const auto blocks_on_disk = [&] {
    uint64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(dir.path() + "/blocks")) {
      bytes += entry.file_size();
    }
    return bytes;
  };
  uint64_t kept = 0;
  for (int start = 0; start < 4; ++start) {
    auto log = open_rocks_log(dir.path(), options);
    ASSERT_TRUE(log) << log.error().what;
    LogBatch publish;
    ++kept;
    publish.put(key(kBlock, id(kept)), block(kept, 1 << 20).bytes);
    publish.put(key(kMeta, "small"), std::string("x"));
    ASSERT_TRUE((*log)->write(publish, false));
    for (uint64_t i = 1; i <= 30; ++i) {
      LogBatch staged;
      staged.put(key(kBlock, id(kept + i)), block(kept + i, 1 << 20).bytes);
      ASSERT_TRUE((*log)->write(staged, false));
    }
    LogBatch discard;
    discard.erase_range(key(kBlock, id(kept + 1)), key_end(kBlock));
    ASSERT_TRUE((*log)->write(discard, false));
    // A file for what is kept of each start, and the current one.
    EXPECT_LE(blocks_on_disk(), (kept + 1) * (6u << 20)) << start;
    for (uint64_t seq = 1; seq <= kept; ++seq) {
      const auto found = (*log)->last(key(kBlock, id(seq)), key(kBlock, id(seq + 1)));
      ASSERT_TRUE(found) << found.error().what;
      EXPECT_TRUE(found->has_value()) << seq;
    }
  }
}

// Numbers of dropped blocks are used again: a file whose last block had a high one is not kept
// until that comes once more.
TEST(Log, R7WhatFollowsDroppedStagedBlocksLeavesTheDiskToo) {
  TempDir dir;
  RocksOptions options;
  options.limit_bytes = 64u << 20;
  auto log = open_rocks_log(dir.path(), options);
  ASSERT_TRUE(log) << log.error().what;
  const auto write = [&](uint64_t seq) {
    LogBatch batch;
    batch.put(key(kBlock, id(seq)), block(seq, 1 << 20).bytes);
    ASSERT_TRUE((*log)->write(batch, false));
  };
  write(1);
  for (uint64_t seq = 1000; seq < 1020; ++seq) write(seq);
  LogBatch discard;
  discard.erase_range(key(kBlock, id(2)), key_end(kBlock));
  ASSERT_TRUE((*log)->write(discard, false));
  for (uint64_t seq = 2; seq < 60; ++seq) {
    write(seq);
    LogBatch trim;
    trim.erase_range(key(kBlock, id(seq - 1)), key(kBlock, id(seq)));
    ASSERT_TRUE((*log)->write(trim, false));
  }
  uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(dir.path() + "/blocks"))
    bytes += entry.file_size();
  EXPECT_LE(bytes, 16u << 20);
}

TEST(Segments, R7FilesAreSmallWhereThereIsLittleRoom) {
  constexpr uint64_t kMiB = 1u << 20;
  constexpr uint64_t kGiB = 1u << 30;
  EXPECT_EQ(Segments::file_bytes(0, 100 * kGiB), 64 * kMiB);
  EXPECT_EQ(Segments::file_bytes(64 * kGiB, 100 * kGiB), 64 * kMiB);
  EXPECT_EQ(Segments::file_bytes(160 * kMiB, 100 * kGiB), 10 * kMiB) << "a sixteenth of its share";
  EXPECT_EQ(Segments::file_bytes(64 * kGiB, 640 * kMiB), 10 * kMiB) << "a 64th of what is left";
  EXPECT_EQ(Segments::file_bytes(kMiB, 100 * kGiB), kMiB / 4);
  EXPECT_EQ(Segments::file_bytes(0, 0), kMiB / 4);
  EXPECT_EQ(Segments::file_bytes(64 * kMiB + 16, 100 * kGiB) % Segments::kAlignment, 0u);
}

// The tail of a log that was not synced may be lost with the power: that is seen, not believed.
TEST(Log, ADamagedUnsyncedTailIsFound) {
  TempDir dir;
  {
    auto log = open_rocks_log(dir.path(), {});
    ASSERT_TRUE(log);
    LogBatch batch;
    batch.put(key(kBlock, id(1)), block(1, 100'000).bytes);
    ASSERT_TRUE((*log)->write(batch, false));
  }
  const std::string file = dir.path() + "/blocks/0000000000000001.seg";
  {
    std::fstream segment(file, std::ios::in | std::ios::out | std::ios::binary);
    segment.seekp(5000);
    segment.put('!');
  }
  const auto log = open_rocks_log(dir.path(), {});
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::kCorrupt);
}

// ---- looking at a log

TEST(LogToRead, HoldsTheSameAndIsLeftAsItIs) {
  TempDir dir;
  fill(dir.path());
  std::map<std::string, std::string> expected;
  {
    const auto log = open_rocks_log(dir.path(), {});
    ASSERT_TRUE(log);
    expected = contents(**log);
  }
  ASSERT_EQ(expected.size(), 80u);
  const auto before = snapshot(dir.path());
  {
    const auto log = open_rocks_log_to_read(dir.path());
    ASSERT_TRUE(log) << log.error().what;
    EXPECT_EQ(contents(**log), expected);
    const auto beside = open_rocks_log_to_read(dir.path());
    ASSERT_TRUE(beside) << beside.error().what;
    EXPECT_EQ(contents(**beside), expected);
  }
  EXPECT_TRUE(snapshot(dir.path()) == before);
}

TEST(LogToRead, NothingIsMadeWhereThereIsNone) {
  TempDir dir;
  auto log = open_rocks_log_to_read(dir.path());
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(fs::is_empty(dir.path()));
  // Killed before there was a database.
  fs::create_directory(dir.path() + "/db");
  std::ofstream(dir.path() + "/db/LOCK");
  log = open_rocks_log_to_read(dir.path());
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::kNotFound);
}

// A kill in the middle of a write: what was written before is there.
TEST(LogToRead, ARecordThatWasCutOffAtTheEnd) {
  TempDir dir;
  fill(dir.path());
  {
    const auto log = open_rocks_log(dir.path(), {});
    ASSERT_TRUE(log) << log.error().what;
    LogBatch batch;
    batch.put(key(kAttempts), std::string(100, 'a'));
    ASSERT_TRUE((*log)->write(batch, false));
  }
  const std::string file = write_ahead_log(dir.path());
  fs::resize_file(file, fs::file_size(file) - 50);
  const auto log = open_rocks_log_to_read(dir.path());
  ASSERT_TRUE(log) << log.error().what;
  EXPECT_EQ(contents(**log).size(), 80u);
}

TEST(LogToRead, DamageIsSaidAndNotMended) {
  const auto flip = [](const std::string& file, std::streamoff at) {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(at);
    bytes.put('!');
  };
  const std::pair<const char*, std::function<void(const std::string&)>> kDamages[] = {
      {"a byte of the write-ahead log",
       [&](const std::string& dir) { flip(write_ahead_log(dir), 5000); }},
      {"no CURRENT", [](const std::string& dir) { fs::remove(dir + "/db/CURRENT"); }},
      {"a manifest of zeros",
       [](const std::string& dir) {
         for (const auto& entry : fs::directory_iterator(dir + "/db")) {
           if (entry.path().filename().string().starts_with("MANIFEST")) {
             std::ofstream(entry.path(), std::ios::binary) << std::string(500, '\0');
           }
         }
       }},
      {"a table is gone",
       [](const std::string& dir) {
         for (const auto& entry : fs::directory_iterator(dir + "/db")) {
           if (entry.path().extension() == ".sst") fs::remove(entry.path());
         }
       }},
  };
  for (const auto& [what, damage] : kDamages) {
    TempDir dir;
    fill(dir.path());
    damage(dir.path());
    const auto before = snapshot(dir.path());
    const auto log = open_rocks_log_to_read(dir.path());
    ASSERT_FALSE(log) << what;
    EXPECT_EQ(log.error().code, ErrorCode::kCorrupt) << what << ": " << log.error().what;
    EXPECT_NE(log.error().what.find(dir.path()), std::string::npos) << log.error().what;
    EXPECT_TRUE(snapshot(dir.path()) == before) << what;
  }
}

TEST(Segments, ValuesComeBackWhole) {
  TempDir dir;
  auto segments = Segments::open(dir.path());
  ASSERT_TRUE(segments) << segments.error().what;
  std::vector<std::string> values;
  for (const size_t size :
       {1ul, 4095ul, 4096ul, 4097ul, 1048575ul, 1048576ul, 1048577ul, 3000000ul}) {
    values.emplace_back(size, static_cast<char>('a' + values.size()));
  }
  std::vector<std::string_view> views(values.begin(), values.end());
  std::vector<Place> places;
  ASSERT_TRUE((*segments)->append(views, places));
  ASSERT_EQ(places.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const auto value = (*segments)->read(places[i]);
    ASSERT_TRUE(value) << value.error().what;
    EXPECT_EQ(*value, values[i]);
    Place decoded;
    ASSERT_TRUE(decode_place(encode(places[i]), decoded));
    EXPECT_EQ(decoded, places[i]);
  }
}

}  // namespace
}  // namespace weir::wal
