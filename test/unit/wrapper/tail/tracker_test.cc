// Where following begins and ends, files that cannot be read, long lines, and bounds.
#include "wrapper/tail/tracker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "schema/base/source_position.h"
#include "test/unit/wrapper/tail/fake_files.h"

namespace weir::tail {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TrackerTest : public ::testing::Test {
 protected:
  FakeFiles files;
  FollowOptions options{{"/log/*.log"}, false, true, '\n'};
};

// ---- where it begins

TEST_F(TrackerTest, FromTheStartOrFromTheEndOfWhatIsThere) {
  files.append("/log/a.log", "one\ntwo\nthr");
  files.append("/log/empty.log", "");
  files.append("/log/long.log", std::string(200'000, 'x'));
  Follow start(files, options);
  start.read();
  EXPECT_EQ(start.news(), "one\ntwo\n");
  options.from_end = true;
  Follow end(files, options);
  end.read();
  EXPECT_EQ(end.news(), "");
  files.append("/log/a.log", "ee\n");
  files.append("/log/empty.log", "first\n");
  files.append("/log/later.log", "a whole new file\n");
  end.restart();
  end.read();
  EXPECT_EQ(end.news(), "three\nfirst\na whole new file\n")
      << "a line that was being written is whole, and what came later is new";
  files.append("/log/long.log", "y\n");
  end.read();
  EXPECT_TRUE(end.news() == std::string(200'000, 'x') + "y\n");
}

TEST_F(TrackerTest, FromTheEndIsCommittedAtOnce) {
  options.from_end = true;
  files.append("/log/a.log", "old\n");
  Follow follow(files, options);
  follow.read();
  EXPECT_NE(follow.token(), "") << "without a record";
  follow.restart();
  files.append("/log/a.log", "new\n");
  follow.read();
  EXPECT_EQ(follow.lines(), "new\n");
  Follow none(files, {{"/nowhere/x"}, true, true, '\n'});
  none.read();
  none.restart();
  files.append("/nowhere/x", "appeared while it was down\n");
  none.read();
  EXPECT_EQ(none.lines(), "appeared while it was down\n");
}

TEST_F(TrackerTest, FilesThatAppearVanishAndComeBack) {
  Follow follow(files, options);
  follow.read();
  EXPECT_THAT(follow.notes, ElementsAre(HasSubstr("/log/*.log: there is no such file yet")));
  files.append("/log/a.log", "a1\n");
  follow.read();
  files.append("/log/b.log", "b1\n");
  files.append("/log/a.log", "a2\n");
  files.remove("/log/a.log");
  follow.read();
  EXPECT_EQ(follow.news(), "a1\na2\nb1\n") << "what is open is read to its end";
  follow.read();
  follow.pass(Tracker::kLinger);
  follow.read();
  EXPECT_EQ(files.open_handles(), 1u);
  files.append("/log/a.log", "a3\n");
  follow.restart();
  follow.read();
  EXPECT_EQ(follow.news(), "a3\n");
}

TEST_F(TrackerTest, OneFileUnderTwoPathsIsReadOnce) {
  options.paths = {"/log/*.log", "/log/a.log", "/log/a.*", "/alias"};
  files.append("/log/a.log", "a\n");
  files.link("/log/a.log", "/alias");
  Follow follow(files, options);
  follow.read();
  EXPECT_EQ(follow.lines(), "a\n");
}

TEST_F(TrackerTest, AnotherDelimiter) {
  options.delimiter = '\0';
  files.append("/log/a.log", std::string_view("a\nb\0c\0d", 7));
  Follow follow(files, options);
  follow.read();
  EXPECT_EQ(follow.lines(), std::string("a\nb\0c\0", 6));
}

// ---- where it ends

TEST_F(TrackerTest, WithoutFollowingItIsDoneWhenAllIsRead) {
  options.follow = false;
  files.append("/log/a.log", "a1\na2");
  files.append("/log/b.log", std::string(Reader::kChunkBytes + 10, 'b'));
  files.append("/log/c.log", "");
  Follow follow(files, options);
  EXPECT_FALSE(follow.reader().is_done());
  follow.read();
  EXPECT_TRUE(follow.reader().is_done());
  EXPECT_TRUE(follow.lines() == "a1\n" + std::string(Reader::kChunkBytes + 10, 'b') + "\na2\n")
      << "last lines without a delimiter get one";
  follow.restart();
  follow.read();
  EXPECT_TRUE(follow.reader().is_done());
  EXPECT_EQ(std::count(follow.lines().begin(), follow.lines().end(), '\n'), 3);
}

// ---- what cannot be read

TEST_F(TrackerTest, AFileThatCannotBeReadIsToldOnceAndTriedAgain) {
  options.paths = {"/log/a.log", "/log/b.log"};
  files.append("/log/a.log", "a\n");
  files.append("/log/b.log", "b\n");
  files.refuse("/log/a.log", true);
  Follow follow(files, options);
  for (int i = 0; i < 3; ++i) follow.read();
  EXPECT_EQ(follow.lines(), "b\n");
  EXPECT_THAT(follow.notes, ElementsAre("/log/a.log: Permission denied (it is tried again)"));
  files.refuse("/log/a.log", false);
  follow.read();
  EXPECT_EQ(follow.lines(), "b\na\n");
  EXPECT_THAT(follow.notes, ElementsAre(HasSubstr("denied"), "/log/a.log: is read now"));
}

TEST_F(TrackerTest, R4WhatCannotBeReadForAWhileAfterARestartIsNotForgotten) {
  options.paths = {"/log/a.log"};
  files.append("/log/a.log", "1\n");
  Follow follow(files, options);
  follow.read();
  follow.restart();
  files.append("/log/a.log", "2\n");
  for (const char* refused : {"/log/a.log", "/log"}) {
    files.refuse(refused, true);
    follow.read();
    follow.restart();
    follow.read();
    files.refuse(refused, false);
  }
  follow.read();
  EXPECT_EQ(follow.lines(), "1\n2\n");
}

TEST_F(TrackerTest, AFolderIsNoFile) {
  files.append("/log/dir.log/x", "x\n");
  files.append("/log/a.log", "a\n");
  options.paths = {"/log/*.log", "/log/dir.log"};
  Follow follow(files, options);
  follow.read();
  EXPECT_EQ(follow.lines(), "a\n");
  EXPECT_THAT(follow.notes, ElementsAre(HasSubstr("/log/dir.log: is no regular file")));
}

TEST_F(TrackerTest, APositionOfSomethingElseIsRefused) {
  const auto tracker = Tracker::begin(options, files, "what is this");
  ASSERT_FALSE(tracker);
  EXPECT_EQ(tracker.error().what, "the position was written by another version of weir-tail");
}

// ---- long lines

TEST_F(TrackerTest, R7ALineOfAnySizeComesInPieces) {
  std::string big;
  for (int i = 0; big.size() < 5 * Reader::kChunkBytes; ++i) big += std::to_string(i);
  files.append("/log/a.log", "short\n" + big);
  Follow follow(files, options);
  follow.read();
  EXPECT_EQ(follow.news(), "short\n");
  const uint64_t reads = files.reads;
  files.append("/log/a.log", big);
  follow.read();
  EXPECT_EQ(follow.news(), "") << "it is not whole";
  EXPECT_LT(files.reads - reads, 40u) << "what was searched is not searched again";
  files.append("/log/a.log", big + "\nnext\n");
  follow.read();
  EXPECT_TRUE(follow.news() == big + big + big + "\nnext\n");
}

// Each size around the limits.
TEST_F(TrackerTest, LinesAboutAsLongAsAChunk) {
  std::string all;
  for (const size_t multiple : {1, 2, 3}) {
    for (int more = -3; more <= 3; ++more) {
      const size_t size = multiple * Reader::kChunkBytes + static_cast<size_t>(more + 10) - 10;
      all += std::string(size, static_cast<char>('a' + more + 3)) + "\nx\n";
    }
  }
  files.append("/log/a.log", all);
  Follow follow(files, options);
  follow.read();
  EXPECT_TRUE(follow.lines() == all);
}

TEST_F(TrackerTest, R4ALongLineThatIsTruncatedUnderWayIsTakenBack) {
  const std::string big(4 * Reader::kChunkBytes, 'x');
  files.append("/log/a.log", "first\n" + big + "\n");
  Follow follow(files, options);
  follow.tracker().look(SteadyTime(std::chrono::hours(1)));
  ASSERT_TRUE(follow.read_one());
  EXPECT_EQ(follow.news(), "first\n");
  ASSERT_TRUE(follow.read_one());
  files.write("/log/a.log", "other\n");
  follow.read();
  EXPECT_EQ(follow.news(), "other\n");
  EXPECT_THAT(follow.notes, ElementsAre(HasSubstr("was truncated after 6 bytes")));
}

TEST_F(TrackerTest, R4ACrashInTheMiddleOfALongLineRepeatsIt) {
  const std::string big(4 * Reader::kChunkBytes, 'x');
  files.append("/log/a.log", big + "\nend\n");
  Follow follow(files, options);
  follow.tracker().look(SteadyTime(std::chrono::hours(1)));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(follow.read_one());
  follow.restart();
  follow.read();
  EXPECT_TRUE(follow.lines() == big + "\nend\n");
}

// ---- bounds

TEST_F(TrackerTest, PathsTakeTurns) {
  const std::string line(99, 'x');
  std::string lines;
  while (lines.size() < 4 * Reader::kTurnBytes) lines += line + "\n";
  files.append("/log/a.log", lines);
  files.append("/log/b.log", "b\n");
  Follow follow(files, options);
  follow.tracker().look(SteadyTime(std::chrono::hours(1)));
  size_t read = 0;
  while (follow.lines().find("b\n") == std::string::npos) {
    ASSERT_TRUE(follow.read_one());
    read = follow.lines().size();
  }
  EXPECT_LE(read, Reader::kTurnBytes + Reader::kChunkBytes);
}

TEST_F(TrackerTest, R7RotatedFilesAreForgottenOneByOne) {
  Follow follow(files, {{"/log/a.log"}, false, true, '\n'});
  std::string all;
  for (int i = 0; i < 200; ++i) {
    const std::string line = std::to_string(i) + "\n";
    all += line;
    files.append("/log/a.log", line);
    if (i % 7 == 0) follow.restart();
    follow.read();
    follow.pass(Tracker::kLinger);
    follow.read();
    files.rename("/log/a.log", "/log/a.log." + std::to_string(100'000 + i));
  }
  follow.read();
  EXPECT_EQ(follow.lines(), all);
  EXPECT_LE(files.open_handles(), Tracker::kRotatedMax + 2);
  EXPECT_LT(follow.token().size(), 2500u);
  follow.restart();
  follow.read();
  EXPECT_EQ(follow.lines(), all) << "and none of them is taken for a new one";
}

TEST_F(TrackerTest, R7TooManyFilesForOnePositionAreAClearError) {
  for (int i = 0; i < 2000; ++i) {
    files.append("/log/" + std::to_string(1'000'000'000 + i * 7) + ".log", std::string(2000, '\n'));
  }
  Follow follow(files, options);
  follow.read();
  EXPECT_THAT(follow.error, HasSubstr("follows 2000 files, whose positions take "));
  EXPECT_THAT(follow.error, HasSubstr("the limit is 65536: let several nodes follow"));
}

TEST_F(TrackerTest, NothingToReadCostsNoRead) {
  files.append("/log/a.log", "a\n");
  files.append("/log/b.log", "b\nunfinished");
  Follow follow(files, options);
  follow.read();
  follow.read();
  const uint64_t reads = files.reads;
  const std::string token = follow.token();
  for (int i = 0; i < 10; ++i) follow.read();
  EXPECT_EQ(files.reads, reads);
  EXPECT_EQ(follow.token(), token) << "nor a commit";
}

}  // namespace
}  // namespace weir::tail
