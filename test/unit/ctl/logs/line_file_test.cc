#include "ctl/logs/line_file.h"

#include <gtest/gtest.h>

#include "test/unit/ctl/logs/temp_folder.h"

namespace weir::ctl {
namespace {

class LineFiles : public testing::Test {
 protected:
  // All that has come, with a bar in front of each line.
  std::string next(LineFile& file) {
    std::string seen;
    while (true) {
      const Result<bool> drained =
          file.poll([&](std::string_view line) { seen.append("|").append(line); });
      EXPECT_TRUE(drained) << drained.error().what;
      if (!drained || *drained) return seen;
    }
  }
  std::string rest(LineFile& file) {
    std::string seen = next(file);
    file.finish([&](std::string_view line) { seen.append("|").append(line); });
    return seen;
  }

  TempFolder folder_;
  LineFile file_{folder_.path("f")};
};

TEST_F(LineFiles, OnlyWholeLinesAreHandedOut) {
  EXPECT_EQ(next(file_), "");
  folder_.append("f", "one\ntw");
  EXPECT_EQ(next(file_), "|one\n");
  folder_.append("f", "o\n\nlast");
  EXPECT_EQ(next(file_), "|two\n|\n");
  EXPECT_EQ(rest(file_), "|last\n");
}

TEST_F(LineFiles, ALongLineComesInPieces) {
  folder_.append("f", std::string(LineFile::kLineBytesMax + 10'000, 'x') + "\nshort\n");
  const std::string seen = next(file_);
  EXPECT_GE(std::count(seen.begin(), seen.end(), '|'), 3);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 'x'), LineFile::kLineBytesMax + 10'000);
  EXPECT_TRUE(seen.ends_with("|short\n"));
}

TEST_F(LineFiles, WhatRotationLeftComesFirst) {
  folder_.append("f", "one\ntw");
  folder_.rotate("f");
  folder_.append("f", "o\nthree\n");
  EXPECT_EQ(next(file_), "|one\n|two\n|three\n");
}

TEST_F(LineFiles, AFileOfWhichOnlyTheRotatedOneIsThereIsRead) {
  folder_.append("f.1", "one\n");
  EXPECT_EQ(next(file_), "|one\n");
  folder_.append("f", "two\n");
  EXPECT_EQ(next(file_), "|two\n");
}

TEST_F(LineFiles, FollowsOverRotation) {
  folder_.append("f.1", "zero\n");
  folder_.append("f", "one\n");
  EXPECT_EQ(next(file_), "|zero\n|one\n");
  folder_.append("f", "two\nth");
  folder_.rotate("f");
  EXPECT_EQ(next(file_), "|two\n");
  folder_.append("f", "ree\n");
  EXPECT_EQ(next(file_), "|three\n");
}

TEST_F(LineFiles, TwoRotationsBetweenTwoLooksLoseOnlyWhatIsGone) {
  folder_.append("f", "one\n");
  EXPECT_EQ(next(file_), "|one\n");
  folder_.append("f", "two\n");
  folder_.rotate("f");
  folder_.append("f", "three\n");
  folder_.rotate("f");
  folder_.append("f", "four\n");
  EXPECT_EQ(next(file_), "|two\n|three\n|four\n");
}

TEST_F(LineFiles, AFileThatIsMadeAgainIsReadFromItsBeginning) {
  folder_.append("f.1", "zero\n");
  folder_.append("f", "one\ncut");
  EXPECT_EQ(next(file_), "|zero\n|one\n");
  folder_.remove("f");
  EXPECT_EQ(next(file_), "");
  folder_.append("f", "two\n");
  EXPECT_EQ(next(file_), "|cut\n|two\n") << "what rotation left was read before";
}

TEST_F(LineFiles, AFileThatIsEmptiedInPlaceIsReadFromItsBeginning) {
  folder_.append("f", "one\ntwo\n");
  EXPECT_EQ(next(file_), "|one\n|two\n");
  std::filesystem::resize_file(folder_.path("f"), 0);
  EXPECT_EQ(next(file_), "");
  folder_.append("f", "three\n");
  EXPECT_EQ(next(file_), "|three\n");
}

TEST_F(LineFiles, TailGivesTheLastLines) {
  const struct {
    const char* before;
    const char* now;
    size_t lines;
    const char* seen;
  } kCases[] = {
      {"", "", 3, ""},
      {"", "a\nb\nc\n", 0, ""},
      {"", "a\nb\nc\n", 1, "|c\n"},
      {"", "a\nb\nc\n", 3, "|a\n|b\n|c\n"},
      {"", "a\nb\nc\n", 9, "|a\n|b\n|c\n"},
      {"", "a\nb", 1, "|b\n"},
      {"", "\n\n\n", 2, "|\n|\n"},
      {"x\ny\n", "a\n", 1, "|a\n"},
      {"x\ny\n", "a\n", 2, "|y\n|a\n"},
      {"x\ny\n", "a\n", 9, "|x\n|y\n|a\n"},
      {"x\ny\n", "", 1, "|y\n"},
      // A line that was cut by rotation is one.
      {"x\ny", "z\na\n", 1, "|a\n"},
      {"x\ny", "z\na\n", 2, "|yz\n|a\n"},
      {"x\ny", "z\na\n", 3, "|x\n|yz\n|a\n"},
      {"x\ny\n", "a\n", 0, ""},
  };
  for (const auto& c : kCases) {
    folder_.remove("t");
    folder_.remove("t.1");
    if (*c.before != '\0') folder_.append("t.1", c.before);
    folder_.append("t", c.now);
    LineFile file(folder_.path("t"));
    ASSERT_TRUE(file.begin_at_tail(c.lines));
    EXPECT_EQ(rest(file), c.seen) << c.before << "+" << c.now << " tail " << c.lines;
    folder_.append("t", "\nnew\n");
    EXPECT_TRUE(next(file).ends_with("|new\n"));
  }
}

TEST_F(LineFiles, TailOfALargeFileGivesTheLastLines) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "line " + std::to_string(i) + "\n";
  folder_.append("f", text);
  ASSERT_TRUE(file_.begin_at_tail(50'000));
  const std::string seen = next(file_);
  EXPECT_TRUE(seen.starts_with("|line 50000\n")) << seen.substr(0, 100);
  EXPECT_TRUE(seen.ends_with("|line 99999\n"));
}

TEST_F(LineFiles, WithoutFollowingOnlyWhatIsThereIsRead) {
  for (const std::optional<size_t> tail : {std::optional<size_t>(), std::optional<size_t>(1)}) {
    folder_.remove("f");
    folder_.remove("f.1");
    folder_.append("f.1", "zero\n");
    folder_.append("f", "one\n");
    LineFile file(folder_.path("f"));
    if (tail) {
      ASSERT_TRUE(file.begin_at_tail(*tail));
    }
    file.end_at_end();
    folder_.append("f", "two\n");
    EXPECT_EQ(rest(file), tail ? "|one\n" : "|zero\n|one\n");
    folder_.append("f", "three\n");
    EXPECT_EQ(rest(file), "");
  }
}

TEST_F(LineFiles, SaysWhatCannotBeRead) {
  std::filesystem::create_directory(folder_.path("f"));
  const Result<bool> drained = file_.poll([](std::string_view) {});
  ASSERT_FALSE(drained);
  EXPECT_EQ(drained.error().what, "read " + folder_.path("f") + ": Is a directory");
}

}  // namespace
}  // namespace weir::ctl
