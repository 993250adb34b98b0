#include "schema/base/own_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace weir {
namespace {

namespace fs = std::filesystem;

class OwnFolder : public ::testing::Test {
 protected:
  OwnFolder() {
    std::string name = fs::temp_directory_path() / "weir-own-XXXXXX";
    root_ = ::mkdtemp(name.data());
    path_ = root_ + "/a/data";
  }
  ~OwnFolder() override { fs::remove_all(root_); }

  std::string refusal(Access access = Access::kNobody) const {
    const Status checked = make_own_folder(path_, access);
    if (checked) return "";
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalid);
    return checked.error().what;
  }

  std::string root_;
  std::string path_;
};

TEST_F(OwnFolder, IsMadeForItsOwnerAlone) {
  ASSERT_EQ(refusal(), "");
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, mode_t{0700});
  EXPECT_EQ(refusal(), "") << "again";
}

TEST_F(OwnFolder, OneThatOthersMayEnterIsRefusedWithTheRemedy) {
  fs::create_directories(path_);
  for (const mode_t mode : {0755, 0750, 0711, 0770, 0777, 0701}) {
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    EXPECT_NE(refusal().find("'chmod go= " + path_ + "'"), std::string::npos) << refusal();
  }
  ASSERT_EQ(::chmod(path_.c_str(), 0700), 0);
  EXPECT_EQ(refusal(), "");
}

TEST_F(OwnFolder, AGroupMayBeLetInAndNobodyElse) {
  fs::create_directories(path_);
  for (const mode_t mode : {0700, 0750, 0710}) {
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    EXPECT_EQ(refusal(Access::kGroup), "") << mode;
  }
  for (const mode_t mode : {0755, 0770, 0751}) {
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    EXPECT_NE(refusal(Access::kGroup), "") << mode;
  }
}

TEST_F(OwnFolder, AnotherUsersFolderIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  ASSERT_EQ(refusal(), "");
  ASSERT_EQ(::chown(path_.c_str(), 12345, 12345), 0);
  EXPECT_NE(refusal().find(path_ + " belongs to user 12345, and this runs as 0"), std::string::npos)
      << refusal();
}

TEST_F(OwnFolder, AFileIsNoFolder) {
  fs::create_directories(root_ + "/a");
  std::ofstream(path_) << "x";
  EXPECT_FALSE(make_own_folder(path_));
  EXPECT_FALSE(make_folders("/proc/none/folder", 0700));
}

}  // namespace
}  // namespace weir
