#include "ctl/up/slot_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "ctl/base/files.h"

namespace weir::ctl {
namespace {

namespace fs = std::filesystem;

class SlotFiles : public testing::Test {
 protected:
  void SetUp() override { root_ = *make_fresh_folder(testing::TempDir() + "weir-slots-"); }
  void TearDown() override { fs::remove_all(root_); }
  std::string path() const { return root_ + "/state"; }
  std::string content(size_t bytes_max = 100) const {
    const Result<SlotFile> file = SlotFile::open(path(), bytes_max);
    return file ? file->content() : file.error().what;
  }
  void damage(std::streamoff at) const {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.put('!');
  }

  std::string root_;
};

TEST_F(SlotFiles, TheLastWriteCounts) {
  EXPECT_EQ(content(), "");
  for (const std::string text : {"one", "two", "a longer three", "4"}) {
    Result<SlotFile> file = SlotFile::open(path(), 100);
    ASSERT_TRUE(file) << file.error().what;
    ASSERT_TRUE(file->write(text + "?", Sync::kNo));
    ASSERT_TRUE(file->write(text, Sync::kYes));
    EXPECT_EQ(content(), text);
  }
}

TEST_F(SlotFiles, OneOfTwoIsWholeWhateverEndsAWrite) {
  {
    Result<SlotFile> file = SlotFile::open(path(), 100);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("first", Sync::kNo));
    ASSERT_TRUE(file->write("second", Sync::kNo));
  }
  // The second write is in the first slot.
  damage(18);
  EXPECT_EQ(content(), "first");
  damage(4096 + 18);
  EXPECT_EQ(content(), "");
}

TEST_F(SlotFiles, RoomIsTakenOnce) {
  Result<SlotFile> file = SlotFile::open(path(), 100);
  ASSERT_TRUE(file);
  struct stat before {};
  ASSERT_EQ(::stat(path().c_str(), &before), 0);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(file->write(std::string(100, 'x'), Sync::kNo));
  struct stat after {};
  ASSERT_EQ(::stat(path().c_str(), &after), 0);
  EXPECT_EQ(after.st_size, before.st_size);
  EXPECT_EQ(after.st_blocks, before.st_blocks);
  EXPECT_EQ(after.st_ino, before.st_ino);
}

TEST_F(SlotFiles, SomethingElseIsReplacedAndAFifoRefused) {
  std::ofstream(path()) << "what an older version wrote";
  EXPECT_EQ(content(), "");
  fs::remove(path());
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  const Result<SlotFile> file = SlotFile::open(path(), 100);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kConflict) << file.error().what;
}

}  // namespace
}  // namespace weir::ctl
