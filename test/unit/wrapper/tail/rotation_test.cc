// What becomes of lines when files are rotated, by renaming or by copying and truncating, while
// they are followed or while nobody looks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/unit/wrapper/tail/fake_files.h"

namespace weir::tail {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string numbered(int from, int to, const std::string& text = "line") {
  std::string lines;
  for (int i = from; i <= to; ++i) lines += text + " " + std::to_string(i) + "\n";
  return lines;
}

class Rotation : public ::testing::Test {
 protected:
  FakeFiles files;
  FollowOptions options{{"/log/app.log"}, false, true, '\n'};
};

TEST_F(Rotation, WholeLinesAreReadAsTheyCome) {
  files.append("/log/app.log", "one\ntw");
  Follow follow(files, options);
  follow.read();
  EXPECT_EQ(follow.news(), "one\n");
  follow.read();
  EXPECT_EQ(follow.news(), "");
  files.append("/log/app.log", "o\nthree\n");
  follow.read();
  EXPECT_EQ(follow.news(), "two\nthree\n");
  follow.restart();
  files.append("/log/app.log", "four\n");
  follow.read();
  EXPECT_EQ(follow.news(), "four\n");
  EXPECT_THAT(follow.notes, IsEmpty());
}

TEST_F(Rotation, R4WhatWasNotCommittedIsReadAgain) {
  files.append("/log/app.log", numbered(1, 3));
  Follow follow(files, options);
  follow.read();
  follow.commits = false;
  files.append("/log/app.log", numbered(4, 5));
  follow.read();
  follow.restart();
  follow.commits = true;
  follow.read();
  EXPECT_EQ(follow.lines(), numbered(1, 5));
}

TEST_F(Rotation, R4TheRestOfARenamedFileComesBeforeTheNewOne) {
  files.append("/log/app.log", numbered(1, 3));
  Follow follow(files, options);
  follow.read();
  files.append("/log/app.log", numbered(4, 5));
  files.rename("/log/app.log", "/log/app.log.1");
  files.append("/log/app.log", numbered(6, 7));
  follow.read();
  EXPECT_EQ(follow.lines(), numbered(1, 7));
  EXPECT_THAT(follow.notes, IsEmpty());
}

TEST_F(Rotation, R4ARenamedFileIsFoundAgainAfterARestart) {
  files.append("/log/app.log", numbered(1, 3));
  Follow follow(files, options);
  follow.read();
  follow.restart();
  files.append("/log/app.log", numbered(4, 5));
  files.rename("/log/app.log", "/log/app.log-20240131");
  files.append("/log/app.log", numbered(6, 7));
  follow.read();
  EXPECT_EQ(follow.lines(), numbered(1, 7));
  follow.restart();
  files.append("/log/app.log-20240131", "late\n");
  files.append("/log/app.log", numbered(8, 8));
  follow.read();
  EXPECT_EQ(follow.lines(), numbered(1, 7) + "late\n" + numbered(8, 8));
  EXPECT_THAT(follow.notes, IsEmpty());
}

// A daemon writes on to the file that it has open until it is told to open another one.
TEST_F(Rotation, R4WhatIsWrittenLateToARenamedFileIsReadToo) {
  FakeFiles::Writer daemon = files.open_for_writing("/log/app.log");
  daemon.append("1\n");
  Follow follow(files, options);
  follow.read();
  files.rename("/log/app.log", "/log/app.log.1");
  files.append("/log/app.log", "from another one\n");
  follow.read();
  daemon.append("2\n");
  follow.read();
  EXPECT_EQ(follow.lines(), "1\nfrom another one\n2\n");
  files.remove("/log/app.log.1");
  daemon.append("3\n");
  follow.read();
  EXPECT_EQ(follow.news().substr(0, 0), "");
  EXPECT_EQ(follow.lines(), "1\nfrom another one\n2\n3\n") << "it has no name, but is open";
}

TEST_F(Rotation, R4SeveralRotationsWhileNobodyLooked) {
  files.append("/log/app.log", numbered(1, 2));
  Follow follow(files, options);
  follow.read();
  for (const bool runs : {true, false}) {
    const int first = runs ? 3 : 9;
    if (!runs) follow.restart();
    files.append("/log/app.log", numbered(first, first + 1));
    files.rename("/log/app.log", "/log/app.log.3");
    files.append("/log/app.log", numbered(first + 2, first + 3));
    files.rename("/log/app.log", "/log/app.log.2");
    files.append("/log/app.log", numbered(first + 4, first + 4));
    files.rename("/log/app.log", "/log/app.log.1");
    files.append("/log/app.log", numbered(first + 5, first + 5));
    follow.read();
    EXPECT_EQ(follow.lines(), numbered(1, first + 5)) << runs;
    EXPECT_THAT(follow.notes, IsEmpty());
    for (const char* name : {"/log/app.log.1", "/log/app.log.2", "/log/app.log.3"}) {
      files.remove(name);
    }
    follow.read();
  }
}

// Those that were there before it began are not its own, whatever they are renamed to.
TEST_F(Rotation, R4WhatWasRotatedBeforeIsNotRead) {
  files.append("/log/app.log.2", "very old\n");
  files.append("/log/app.log.1", "old\n");
  files.append("/log/app.log", "new\n");
  Follow follow(files, options);
  follow.read();
  for (const bool restart : {false, true}) {
    files.rename("/log/app.log.2", "/log/app.log.3");
    files.rename("/log/app.log.1", "/log/app.log.2");
    files.rename("/log/app.log", "/log/app.log.1");
    files.append("/log/app.log", restart ? "newest\n" : "newer\n");
    if (restart) follow.restart();
    follow.read();
    files.rename("/log/app.log.3", "/log/app.log.4");
  }
  EXPECT_EQ(follow.lines(), "new\nnewer\nnewest\n");
}

TEST_F(Rotation, R4AnInodeThatIsUsedAgainIsAnotherFile) {
  files.append("/log/app.log", numbered(1, 100));
  const uint64_t inode = files.stat("/log/app.log")->id.inode;
  Follow follow(files, options);
  follow.read();
  follow.restart();  // Nothing holds it open.
  files.reuses_inodes = true;
  follow.tracker();
  files.rename("/log/app.log", "/log/gone");
  files.remove("/log/gone");
  files.append("/log/app.log", numbered(101, 300));
  ASSERT_EQ(files.stat("/log/app.log")->id.inode, inode);
  follow.read();
  EXPECT_EQ(follow.lines(), numbered(1, 300));
  EXPECT_THAT(follow.notes_text(), HasSubstr("was truncated, or replaced,"));
}

// A generation that was never seen has the inode of an old one that was removed.
TEST_F(Rotation, R4AnInodeOfAnOldOneThatIsUsedAgainIsNotOld) {
  files.append("/log/app.log.9", "old\n");
  const uint64_t inode = files.stat("/log/app.log.9")->id.inode;
  files.append("/log/app.log", "1\n");
  Follow follow(files, options);
  follow.read();
  files.remove("/log/app.log.9");
  files.rename("/log/app.log", "/log/app.log.2");
  files.append("/log/app.log", "2\n");
  ASSERT_EQ(files.stat("/log/app.log")->id.inode, inode);
  files.rename("/log/app.log", "/log/app.log.1");
  files.append("/log/app.log", "3\n");
  follow.read();
  EXPECT_EQ(follow.lines(), "1\n2\n3\n");
}

TEST_F(Rotation, AnUnfinishedLineOfARenamedFileIsFinishedThereOrTakenAsItIs) {
  FakeFiles::Writer daemon = files.open_for_writing("/log/app.log");
  daemon.append("whole\nhalf of a");
  Follow follow(files, options);
  follow.read();
  files.rename("/log/app.log", "/log/app.log.1");
  files.append("/log/app.log", "new\n");
  follow.read();
  EXPECT_EQ(follow.news(), "whole\nnew\n") << "it waits, and nothing waits for it";
  daemon.append(" line\nnever finis");
  follow.read();
  EXPECT_EQ(follow.news(), "half of a line\n");
  files.remove("/log/app.log.1");
  follow.read();
  follow.read();
  EXPECT_EQ(follow.news(), "");
  follow.pass(Tracker::kLinger);
  follow.read();
  follow.read();
  EXPECT_EQ(follow.news(), "never finis\n") << "nobody can finish it any more";
  EXPECT_EQ(files.open_handles(), 1u);
}

// ---- copytruncate

TEST_F(Rotation, R4CopyAndTruncateReadsNothingTwice) {
  FakeFiles::Writer daemon = files.open_for_writing("/log/app.log");
  daemon.append(numbered(1, 3));
  Follow follow(files, options);
  follow.read();
  files.copy("/log/app.log", "/log/app.log.1");
  follow.read();
  files.write("/log/app.log", "");
  follow.read();
  daemon.append(numbered(4, 5));
  follow.read();
  EXPECT_EQ(follow.lines(), numbered(1, 5));
}

TEST_F(Rotation, R4WhatWasWrittenBeforeTheTruncationIsReadFromTheCopy) {
  FakeFiles::Writer daemon = files.open_for_writing("/log/app.log");
  daemon.append(numbered(1, 3));
  Follow follow(files, options);
  follow.read();
  for (const bool restart : {false, true}) {
    const int first = restart ? 7 : 4;
    if (restart) follow.restart();
    daemon.append(numbered(first, first + 1));
    files.remove("/log/app.log.2");
    if (files.has("/log/app.log.1")) files.rename("/log/app.log.1", "/log/app.log.2");
    files.copy("/log/app.log", "/log/app.log.1");
    files.write("/log/app.log", "");
    daemon.append(numbered(first + 2, first + 2));
    follow.read();
    EXPECT_EQ(follow.lines(), numbered(1, first + 2)) << restart;
  }
  EXPECT_THAT(follow.notes, ElementsAre(HasSubstr("the rest is read from its copy, /log/app.log.1"),
                                        HasSubstr("the rest is read from its copy")));
}

TEST_F(Rotation, ALossOverATruncationIsTold) {
  files.append("/log/app.log", numbered(1, 3));
  Follow follow(files, options);
  follow.read();
  files.append("/log/app.log", numbered(4, 5));
  files.write("/log/app.log", "");
  files.append("/log/app.log", numbered(6, 7));
  follow.read();
  EXPECT_EQ(follow.lines(), numbered(1, 3) + numbered(6, 7));
  EXPECT_THAT(follow.notes,
              ElementsAre("/log/app.log: was truncated after 21 bytes of it were read; what was "
                          "written between the last look and that is not known"));
}

TEST_F(Rotation, R4AFileThatHasGrownAgainBeyondWhatWasReadIsSeenToBeAnotherOne) {
  for (const bool restart : {false, true}) {
    FakeFiles one;
    one.append("/log/app.log", "# a header that all have\n" + numbered(1, 30));
    Follow follow(one, options);
    follow.read();
    if (restart) follow.restart();
    one.write("/log/app.log", "");
    one.append("/log/app.log", "# a header that all have\n" + numbered(31, 300));
    follow.read();
    EXPECT_EQ(follow.lines(), "# a header that all have\n" + numbered(1, 30) +
                                  "# a header that all have\n" + numbered(31, 300));
    EXPECT_THAT(follow.notes, ElementsAre(HasSubstr(restart ? "was truncated, or replaced, after"
                                                            : "was truncated after")));
  }
}

// A daemon without O_APPEND writes at the old place of a file that was truncated.
TEST_F(Rotation, AHoleInATruncatedFileIsNoRecord) {
  FakeFiles::Writer daemon = files.open_for_writing("/log/app.log");
  daemon.appends = false;
  daemon.append(numbered(1, 100'000));
  Follow follow(files, options);
  follow.read();
  files.write("/log/app.log", "");
  daemon.append(numbered(100'001, 100'002));
  follow.read();
  EXPECT_EQ(follow.lines(), numbered(1, 100'002));
}

// ---- patterns that find rotated files too

TEST_F(Rotation, R4APatternThatFindsRenamedFilesReadsNothingTwice) {
  options.paths = {"/log/app.log*"};
  files.append("/log/app.log", numbered(1, 2));
  Follow follow(files, options);
  follow.read();
  for (int i = 3; i < 20; i += 2) {
    files.append("/log/app.log", numbered(i, i));
    for (int j = 6; j > 0; --j) {
      const std::string name = "/log/app.log." + std::to_string(j);
      if (files.has(name)) files.rename(name, "/log/app.log." + std::to_string(j + 1));
    }
    files.remove("/log/app.log.6");
    files.rename("/log/app.log", "/log/app.log.1");
    files.append("/log/app.log", numbered(i + 1, i + 1));
    if (i % 3 == 0) follow.restart();
    follow.read();
    EXPECT_EQ(follow.lines(), numbered(1, i + 1));
    follow.pass(Tracker::kLinger);
    follow.read();
  }
  EXPECT_THAT(follow.notes, IsEmpty());
}

TEST_F(Rotation, R4APatternThatFindsCopiesReadsNothingTwice) {
  options.paths = {"/log/app.log*"};
  for (const bool restart : {false, true}) {
    for (const size_t seen : {0ul, 10ul, 100'000ul}) {
      FakeFiles one;
      FakeFiles::Writer daemon = one.open_for_writing("/log/app.log");
      daemon.append(numbered(1, 30));
      Follow follow(one, options);
      follow.read();
      daemon.append(numbered(31, 40));
      // cp is at work.
      const std::string whole = one.content("/log/app.log");
      one.append("/log/app.log.1", whole.substr(0, seen));
      follow.read();
      if (restart) follow.restart();
      one.append("/log/app.log.1", whole.substr(std::min(seen, whole.size())));
      follow.read();
      one.write("/log/app.log", "");
      follow.read();
      daemon.append(numbered(41, 50));
      if (restart) follow.restart();
      follow.read();
      EXPECT_EQ(follow.lines(), numbered(1, 50)) << restart << " " << seen;
      follow.restart();
      follow.read();
      EXPECT_EQ(follow.lines(), numbered(1, 50));
    }
  }
}

TEST_F(Rotation, R4ACopyThatIsFirstSeenWhenTheOriginalIsTruncated) {
  options.paths = {"/log/app.log*"};
  for (const bool restart : {false, true}) {
    for (const bool regrown : {false, true}) {
      FakeFiles one;
      FakeFiles::Writer daemon = one.open_for_writing("/log/app.log");
      daemon.append(numbered(1, 3));
      Follow follow(one, options);
      follow.read();
      if (restart) follow.restart();
      daemon.append(numbered(4, 5));
      one.copy("/log/app.log", "/log/app.log.1");
      one.write("/log/app.log", "");
      daemon.append(numbered(6, regrown ? 30 : 6));
      follow.read();
      EXPECT_EQ(follow.lines(), numbered(1, regrown ? 30 : 6)) << restart << regrown;
    }
  }
}

// ---- compressed

TEST_F(Rotation, AFileThatWasCompressedWhileNobodyLookedIsTold) {
  for (const bool reused : {false, true}) {
    FakeFiles one;
    one.reuses_inodes = reused;
    one.append("/log/app.log.2.gz", "\x1f\x8b...");
    one.append("/log/app.log", numbered(1, 3));
    Follow follow(one, options);
    follow.read();
    follow.restart();
    one.append("/log/app.log", numbered(4, 5));
    one.append("/log/app.log.1.gz", "\x1f\x8b...");
    one.remove("/log/app.log");
    one.append("/log/app.log", numbered(6, 7));
    follow.read();
    EXPECT_EQ(follow.lines(), numbered(1, 3) + numbered(6, 7));
    EXPECT_THAT(
        follow.notes,
        ElementsAre(reused ? "/log/app.log: was truncated, or replaced, after 21 bytes of it were "
                             "read; what was written between the last look and that is not known"
                           : "/log/app.log: the file that was read up to byte 21 is gone; what was "
                             "written to it after that is not known",
                    "/log/app.log.1.gz: is compressed, and may hold lines of /log/app.log that "
                    "were not read"));
  }
}

TEST_F(Rotation, R4SeveralCopiesWhileNobodyLooked) {
  for (const bool pattern : {false, true}) {
    FakeFiles one;
    if (pattern) options.paths = {"/log/app.log*"};
    FakeFiles::Writer daemon = one.open_for_writing("/log/app.log");
    daemon.append(numbered(1, 3));
    Follow follow(one, options);
    follow.read();
    follow.restart();
    for (int i = 4; i < 10; i += 2) {
      daemon.append(numbered(i, i + 1));
      for (int j = 4; j > 0; --j) {
        const std::string name = "/log/app.log." + std::to_string(j);
        if (one.has(name)) one.rename(name, "/log/app.log." + std::to_string(j + 1));
      }
      one.copy("/log/app.log", "/log/app.log.1");
      one.write("/log/app.log", "");
    }
    daemon.append(numbered(10, 11));
    follow.read();
    EXPECT_EQ(follow.lines(), numbered(1, 11)) << pattern;
    follow.restart();
    follow.read();
    EXPECT_EQ(follow.lines(), numbered(1, 11)) << pattern;
  }
}

TEST_F(Rotation, AFileThatIsCompressedWhileItIsFollowedIsReadToItsEnd) {
  FakeFiles::Writer daemon = files.open_for_writing("/log/app.log");
  daemon.append(numbered(1, 3));
  Follow follow(files, options);
  follow.read();
  files.rename("/log/app.log", "/log/app.log.1");
  files.append("/log/app.log", numbered(6, 7));
  follow.read();
  daemon.append(numbered(4, 5));
  files.append("/log/app.log.1.gz", "\x1f\x8b...");
  files.remove("/log/app.log.1");
  follow.read();
  EXPECT_EQ(follow.lines(), numbered(1, 3) + numbered(6, 7) + numbered(4, 5));
  follow.restart();
  follow.read();
  EXPECT_EQ(follow.lines(), numbered(1, 3) + numbered(6, 7) + numbered(4, 5));
}

TEST_F(Rotation, CompressedFilesThatAPatternFindsAreNotRead) {
  options.paths = {"/log/*"};
  files.append("/log/app.log", "text\n");
  files.append("/log/app.log.1.gz", "\x1f\x8b binary\n");
  Follow follow(files, options);
  follow.read();
  files.append("/log/app.log.1.gz", "more\n");
  follow.read();
  EXPECT_EQ(follow.lines(), "text\n");
  EXPECT_THAT(follow.notes, ElementsAre("/log/app.log.1.gz: is compressed, and not read"));
  EXPECT_EQ(files.open_handles(), 1u);
}

// ---- other file systems

TEST_F(Rotation, R4TheSameBytesOnAnotherDiskAreTheSameFile) {
  files.append("/log/app.log", numbered(1, 100));
  Follow follow(files, options);
  follow.read();
  follow.restart();
  files.move_to_another_disk("/log/app.log");
  files.append("/log/app.log", numbered(101, 102));
  follow.read();
  EXPECT_EQ(follow.lines(), numbered(1, 102));
}

// The empty folder of a disk that is not mounted.
TEST_F(Rotation, R4AFileThatIsNotThereYetIsWaitedFor) {
  files.append("/log/app.log", numbered(1, 3));
  Follow follow(files, options);
  follow.read();
  follow.restart();
  files.rename("/log/app.log", "/elsewhere");
  follow.read();
  follow.read();
  EXPECT_THAT(follow.notes, ElementsAre(HasSubstr("/log/app.log: there is no such file yet")));
  files.rename("/elsewhere", "/log/app.log");
  files.append("/log/app.log", numbered(4, 4));
  follow.read();
  EXPECT_EQ(follow.lines(), numbered(1, 4));
}

TEST_F(Rotation, R4ALinkThatLeadsToAnotherFileIsARotation) {
  files.append("/data/2024-01-01", numbered(1, 2));
  files.link("/data/2024-01-01", "/log/app.log");
  Follow follow(files, options);
  follow.read();
  files.append("/data/2024-01-01", numbered(3, 4));
  files.append("/data/2024-01-02", numbered(5, 6));
  files.link("/data/2024-01-02", "/log/app.log");
  follow.read();
  EXPECT_EQ(follow.lines(), numbered(1, 6));
  EXPECT_TRUE(follow.tracker().folders().contains("/data")) << "that is where changes happen";
  files.append("/data/2024-01-02", numbered(7, 7));
  EXPECT_FALSE(follow.tracker().touched("/data/2024-01-02"));
  follow.read_only();
  EXPECT_EQ(follow.lines(), numbered(1, 7));
}

}  // namespace
}  // namespace weir::tail
