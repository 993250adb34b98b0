#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "schema/base/unique_fd.h"
#include "wrapper/shell/own_log.h"
#include "wrapper/shell/rotating_file.h"

namespace weir::shell {
namespace {

namespace fs = std::filesystem;

class OutputFiles : public ::testing::Test {
 protected:
  OutputFiles() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~OutputFiles() override { fs::remove_all(folder_); }

  std::string path() const { return folder_ + "/file"; }
  std::string content(const std::string& suffix = "") const {
    std::ifstream file(path() + suffix, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string folder_ = "/tmp/weir-files-XXXXXX";
};

TEST_F(OutputFiles, OutputIsKeptInTwoFilesOfBoundedSize) {
  RotatingFile file(path());
  const std::string part(1u << 20, 'x');
  for (int i = 0; i < 30; ++i) file.append(std::to_string(i) + part);
  EXPECT_LE(fs::file_size(path()), RotatingFile::kBytesMax + part.size() + 2);
  EXPECT_LE(fs::file_size(path() + ".1"), RotatingFile::kBytesMax + part.size() + 2);
  EXPECT_TRUE(content(".1").ends_with("x"));
  EXPECT_TRUE((content(".1") + content()).ends_with("29" + part));
  RotatingFile next(path());
  next.append("goes on");
  EXPECT_TRUE(content().ends_with("goes on"));
}

TEST_F(OutputFiles, WhatCannotBeWrittenIsLeftOut) {
  RotatingFile nowhere(folder_ + "/none/file");
  nowhere.append("lost");
  RotatingFile nothing("");
  nothing.append("lost");
  EXPECT_TRUE(fs::is_empty(folder_));
}

// In a process of its own: it is that process's stdout and stderr.
TEST_F(OutputFiles, TheOwnLogBeginsAnewWhenItIsLarge) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const UniqueFd file(::open(path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    ::dup2(file.get(), STDOUT_FILENO);
    ::dup2(file.get(), STDERR_FILENO);
    const auto say = [](int fd, std::string_view text) {
      if (::write(fd, text.data(), text.size()) < 0) ::_exit(1);
    };
    say(STDERR_FILENO, "first ");
    rotate_own_log(path(), 10);
    say(STDERR_FILENO, "long enough ");
    rotate_own_log(path(), 10);
    say(STDOUT_FILENO, "second ");
    say(STDERR_FILENO, "one");
    rotate_own_log(path(), 100);
    fs::remove(path());
    rotate_own_log(path(), 100);
    say(STDERR_FILENO, "after a removal");
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(content(".1"), "first long enough ");
  EXPECT_EQ(content(), "after a removal");
}

}  // namespace
}  // namespace weir::shell
