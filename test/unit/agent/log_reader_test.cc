#include "agent/shell/log_reader.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

namespace weir::agent {
namespace {

class LogReader : public ::testing::Test {
 protected:
  LogReader() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~LogReader() override { std::filesystem::remove_all(folder_); }

  void append(const std::string& text) { std::ofstream(path(), std::ios::app) << text; }
  void rotate() {
    std::filesystem::rename(path(), path() + ".1");
    wait_for_a_tick();
  }
  // Of the clock that files get their time from; without generations it tells them apart.
  static void wait_for_a_tick() {
    const auto coarse = [] {
      timespec time{};
      ::clock_gettime(CLOCK_REALTIME_COARSE, &time);
      return std::pair(time.tv_sec, time.tv_nsec);
    };
    const auto before = coarse();
    while (coarse() == before) std::this_thread::yield();
  }
  wire::LogData tail(uint64_t bytes) {
    wire::LogRead read;
    read.tail_bytes = bytes;
    return get(read);
  }
  // From where the last answer ended.
  wire::LogData next() {
    wire::LogRead read;
    read.file = last_.file;
    read.offset = last_.offset;
    return get(read);
  }
  wire::LogData get(const wire::LogRead& read) {
    auto data = read_log(path(), read);
    EXPECT_TRUE(data) << data.error().what;
    if (data) last_ = *data;
    return last_;
  }
  std::string path() const { return folder_ + "/n.0.stderr"; }

  std::string folder_ = "/tmp/weir-logs-XXXXXX";
  wire::LogData last_;
};

TEST_F(LogReader, AMissingFileIsAtItsEnd) {
  const wire::LogData none = tail(100);
  EXPECT_EQ(none.file, 0u);
  EXPECT_TRUE(none.at_end);
  EXPECT_FALSE(none.gap);
  append("first\n");
  const wire::LogData first = next();
  EXPECT_EQ(first.data.value, "") << "a tail of nothing";
  append("second\n");
  EXPECT_EQ(next().data.value, "second\n");
}

TEST_F(LogReader, GivesTheTailAndWhatFollows) {
  append("one\ntwo\nthree\n");
  EXPECT_EQ(tail(6).data.value, "three\n");
  EXPECT_TRUE(last_.at_end);
  EXPECT_EQ(next().data.value, "");
  append("four\n");
  EXPECT_EQ(next().data.value, "four\n");
  EXPECT_EQ(tail(1'000'000).data.value, "one\ntwo\nthree\nfour\n");
  EXPECT_EQ(tail(0).data.value, "");
}

TEST_F(LogReader, GoesOnOverRotation) {
  append("one\n");
  EXPECT_EQ(tail(100).data.value, "one\n");
  append("two\n");
  rotate();
  EXPECT_EQ(next().data.value, "two\n") << "no file has followed yet";
  append("three\n");
  EXPECT_EQ(next().data.value, "three\n");
  append("four\n");
  rotate();
  append("five\n");
  EXPECT_EQ(next().data.value, "four\nfive\n");
  EXPECT_FALSE(last_.gap);
  EXPECT_EQ(tail(7).data.value, "r\nfive\n") << "a tail spans both";
  EXPECT_EQ(tail(1000).data.value, "three\nfour\nfive\n");
}

TEST_F(LogReader, WhatIsGoneIsAGap) {
  append("one\n");
  tail(100);
  rotate();
  append("two\n");
  rotate();
  append("three\n");
  const wire::LogData data = next();
  EXPECT_TRUE(data.gap);
  EXPECT_EQ(data.data.value, "two\nthree\n") << "all that is kept";
  EXPECT_FALSE(next().gap);
  // A file that was made shorter is not what it was.
  std::filesystem::resize_file(path(), 2);
  EXPECT_TRUE(next().gap);
  EXPECT_EQ(last_.data.value, "two\nth");
}

// The number of a file that was deleted is given to the next one.
TEST_F(LogReader, ANewFileIsNotTakenForTheOldOne) {
  for (int i = 0; i < 20; ++i) {
    append("old\n");
    tail(100);
    std::filesystem::remove(path());
    wait_for_a_tick();
    append("new and longer\n");
    EXPECT_TRUE(next().gap);
    EXPECT_EQ(last_.data.value, "new and longer\n");
    std::filesystem::remove(path());
  }
}

TEST_F(LogReader, MuchComesInParts) {
  const std::string text(wire::kLogDataBytesMax + 1000, 'x');
  append(text);
  rotate();
  append("rest\n");
  std::string all = tail(1u << 30).data.value;
  EXPECT_EQ(all.size(), wire::kLogDataBytesMax);
  EXPECT_FALSE(last_.at_end);
  all += next().data.value;
  EXPECT_TRUE(last_.at_end);
  EXPECT_EQ(all, text + "rest\n");
}

}  // namespace
}  // namespace weir::agent
