#include "ctl/logs/log_files.h"

#include <gtest/gtest.h>

#include "test/unit/ctl/logs/temp_folder.h"

namespace weir::ctl {
namespace {

class LogFilesTest : public testing::Test {
 protected:
  LogFilesConfig config() const {
    LogFilesConfig config;
    config.folders = [this] {
      return std::vector<std::string>{folder_.path("a"), folder_.path("b")};
    };
    return config;
  }
  std::string next(LogFiles& files) {
    std::string seen;
    const auto on_line = [&](const std::string& node, std::string_view line) {
      seen += node + "| " + std::string(line);
    };
    while (true) {
      const auto progress = files.poll(on_line);
      EXPECT_TRUE(progress) << progress.error().what;
      if (!progress || *progress == LogSource::Progress::kDrained) break;
    }
    return seen;
  }

  TempFolder folder_;
};

TEST_F(LogFilesTest, FilesOfOneKindComeFromAllFolders) {
  LogFiles files(config());
  EXPECT_EQ(next(files), "") << "neither folder is there";
  folder_.append("a/grep.0.stderr", "one\n");
  folder_.append("a/grep.0.wrapper.log", "not this\n");
  folder_.append("a/other.txt", "nor this\n");
  folder_.append("b/a.b-2.0.stderr", "two\n");
  EXPECT_EQ(next(files), "grep| one\na.b-2| two\n");
  folder_.append("b/grep.1.stderr", "three\n");
  EXPECT_EQ(next(files), "grep| three\n");
}

TEST_F(LogFilesTest, LinesComeUnderTheLabelOfTheirInstance) {
  folder_.append("a/a.0.stderr", "one\n");
  folder_.append("b/a.1.stderr", "two\n");
  LogFilesConfig labelled = config();
  labelled.label = [](const std::string& node, uint32_t instance) {
    return node + "/" + std::to_string(instance);
  };
  LogFiles files(std::move(labelled));
  EXPECT_EQ(next(files), "a/0| one\na/1| two\n");
}

TEST_F(LogFilesTest, NodesComeInTheOrderThatIsAskedFor) {
  folder_.append("a/a.0.stderr", "one\n");
  folder_.append("a/b.0.stderr", "two\n");
  folder_.append("a/c.0.stderr", "three\n");
  LogFilesConfig two = config();
  two.nodes = {"c", "a"};
  LogFiles files(std::move(two));
  EXPECT_EQ(next(files), "c| three\na| one\n");
}

TEST_F(LogFilesTest, TailIsOfWhatIsThereAtFirst) {
  folder_.append("a/a.0.stderr", "1\n2\n3\n");
  folder_.append("a/b.0.stderr", "4\n5\n");
  LogFilesConfig tail = config();
  tail.tail = 1;
  LogFiles files(std::move(tail));
  EXPECT_EQ(next(files), "a| 3\nb| 5\n");
  folder_.append("a/c.0.stderr", "6\n7\n");
  EXPECT_EQ(next(files), "c| 6\nc| 7\n");
}

TEST_F(LogFilesTest, WithoutFollowingOnlyWhatIsThereAtFirst) {
  folder_.append("a/a.0.stderr.1", "0\n");
  folder_.append("a/a.0.stderr", "1\ncut");
  LogFilesConfig once = config();
  once.follow = false;
  LogFiles files(std::move(once));
  EXPECT_EQ(next(files), "a| 0\na| 1\n");
  folder_.append("a/a.0.stderr", "2\n");
  folder_.append("a/b.0.stderr", "3\n");
  EXPECT_EQ(next(files), "");
  std::string last;
  files.finish([&](const std::string&, std::string_view line) { last += line; });
  EXPECT_EQ(last, "cut\n");
}

TEST_F(LogFilesTest, OneUnreadableFileDoesNotHideTheOthers) {
  std::filesystem::create_directories(folder_.path("a/a.0.stderr"));
  folder_.append("a/b.0.stderr", "fine\n");
  LogFiles files(config());
  std::string seen;
  const auto progress =
      files.poll([&](const std::string&, std::string_view line) { seen += line; });
  EXPECT_EQ(seen, "fine\n");
  ASSERT_FALSE(progress);
  EXPECT_NE(progress.error().what.find("a.0.stderr: Is a directory"), std::string::npos);
}

}  // namespace
}  // namespace weir::ctl
