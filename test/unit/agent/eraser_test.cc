#include "agent/shell/eraser.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>

#include "schema/runtime/process.h"

namespace weir::agent {
namespace {

namespace fs = std::filesystem;

class Eraser : public ::testing::Test {
 protected:
  Eraser() {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    layout_ = {folder_, folder_ + "/run"};
    for (const auto& key : {kA, kB}) {
      fs::create_directories(layout_.first_log_dir(key) + "/log/segments");
      fs::create_directories(layout_.work_dir(key) + "/deep/er");
      fs::create_directories(layout_.logs_dir(key));
      for (const std::string& file :
           {layout_.first_log_dir(key) + "/wrapper.lock",
            layout_.first_log_dir(key) + "/log/segments/1", layout_.work_dir(key) + "/deep/er/file",
            layout_.stderr_file(key), layout_.stderr_file(key) + ".1", layout_.stdout_file(key),
            layout_.wrapper_log(key)}) {
        std::ofstream(file) << "something";
      }
    }
  }
  ~Eraser() override { fs::remove_all(folder_); }

  // All that is there, without the folder's name.
  std::set<std::string> files() const {
    std::set<std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      all.insert(entry.path().string().substr(folder_.size() + 1));
    }
    return all;
  }

  const wire::InstanceKey kA{"p", "a", 0};
  const wire::InstanceKey kB{"p", "b", 0};
  std::string folder_ = "/tmp/weir-erase-XXXXXX";
  Layout layout_;
};

TEST_F(Eraser, TakesWhatIsOfOneInstanceAndNoMore) {
  ASSERT_TRUE(erase_instance(layout_, kA));
  for (const std::string& file : files()) EXPECT_EQ(file.find("/a."), std::string::npos) << file;
  EXPECT_TRUE(fs::exists(layout_.first_log_dir(kB) + "/log/segments/1"));
  ASSERT_TRUE(erase_instance(layout_, kB));
  EXPECT_EQ(files(), (std::set<std::string>{"logs", "wal", "work"}));
  EXPECT_TRUE(erase_instance(layout_, kB)) << "nothing is there: nothing to do";
}

TEST_F(Eraser, TakesNothingWhileALockIsHeld) {
  const std::set<std::string> before = files();
  for (const char* name : {"/wrapper.lock", "/guard.lock"}) {
    const std::string path = layout_.first_log_dir(kA) + name;
    auto held = runtime::FileLock::try_acquire(path);
    ASSERT_TRUE(held);
    const Status refused = erase_instance(layout_, kA);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict) << refused.error().what;
  }
  // The attempts made the one lock that was not there.
  std::set<std::string> after = files();
  after.erase("wal/p/a.0/guard.lock");
  EXPECT_EQ(after, before);
  EXPECT_TRUE(erase_instance(layout_, kA));
  EXPECT_FALSE(fs::exists(layout_.first_log_dir(kA)));
}

TEST_F(Eraser, FinishesWhatWasInterrupted) {
  fs::rename(layout_.first_log_dir(kA), layout_.first_log_dir(kA) + ".removed");
  fs::create_directories(layout_.first_log_dir(kA));
  ASSERT_TRUE(erase_instance(layout_, kA));
  for (const std::string& file : files()) EXPECT_EQ(file.find("/a."), std::string::npos) << file;
}

// Nobody stops root from reading a folder.
TEST_F(Eraser, TakesFoldersThatAProgramHasLocked) {
  const bool root = ::geteuid() == 0;
  constexpr uid_t kNobody = 65534;
  if (root) {
    ASSERT_EQ(::lchown(folder_.c_str(), kNobody, kNobody), 0);
    for (const std::string& file : files()) {
      ASSERT_EQ(::lchown((folder_ + "/" + file).c_str(), kNobody, kNobody), 0);
    }
    ASSERT_EQ(::seteuid(kNobody), 0);
  }
  const std::string locked = layout_.work_dir(kA) + "/deep";
  fs::permissions(locked + "/er", fs::perms(0500));
  fs::permissions(locked, fs::perms::none);
  const Status done = erase_instance(layout_, kA);
  ASSERT_EQ(::seteuid(root ? 0 : ::geteuid()), 0);
  EXPECT_TRUE(done) << done.error().what;
  EXPECT_FALSE(fs::exists(layout_.work_dir(kA)));
}

}  // namespace
}  // namespace weir::agent
