#include "ctl/actions/action_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "ctl/actions/program_file.h"
#include "schema/content/sha256.h"
#include "schema/wire/control.h"
#include "test/unit/ctl/logs/temp_folder.h"

namespace weir::ctl {
namespace {

namespace fs = std::filesystem;

class ActionFileTest : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path(name)) << text;
    return folder_.path(name);
  }
  static Error error_of(const std::string& path) {
    const auto file = ActionFile::open(path);
    return file ? Error{ErrorCode::kIo, "it opens"} : file.error();
  }

  TempFolder folder_;
};

TEST_F(ActionFileTest, GivesItsHashAndPieces) {
  const std::string text = "#!/bin/sh\n" + std::string(3'000'000, 'x');
  const auto file = ActionFile::open(write("a", text));
  ASSERT_TRUE(file) << file.error().what;
  EXPECT_EQ(file->bytes(), text.size());
  EXPECT_EQ(file->sha256(), content::sha256_of(text));
  EXPECT_TRUE(file->looks_like_a_program());
  EXPECT_EQ(*file->read(0, 4), "#!/b");
  EXPECT_EQ(file->read(text.size() - 2, 100)->size(), 2u);
  EXPECT_EQ(*file->read(text.size(), 100), "");
  EXPECT_FALSE(ActionFile::open(write("b", "echo\n"))->looks_like_a_program());
  EXPECT_TRUE(ActionFile::open("/bin/true")->looks_like_a_program());
}

TEST_F(ActionFileTest, RefusesWhatIsNoProgram) {
  EXPECT_EQ(error_of(folder_.path("none")).code, ErrorCode::kNotFound);
  EXPECT_EQ(error_of(folder_.path()).what, folder_.path() + " is a folder; an action is one file");
  const std::string empty = write("empty", "");
  EXPECT_EQ(error_of(empty).what, empty + " is empty, so there is nothing to run");
  const std::string fifo = folder_.path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(error_of(fifo).what, fifo + " is no regular file; copy it into one first");
  const std::string large = write("large", "x");
  fs::resize_file(large, wire::kActionBytesMax + 1);
  EXPECT_EQ(error_of(large).code, ErrorCode::kLimit);
  EXPECT_NE(error_of(large).what.find("an action may have 1073741824 (1 GiB)"), std::string::npos);
}

TEST_F(ActionFileTest, AChangeWhileItIsReadIsAnError) {
  const std::string path = write("a", "first");
  const auto file = ActionFile::open(path);
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->check_unchanged());
  std::ofstream(path, std::ios::app) << "more";
  EXPECT_EQ(file->check_unchanged().error().code, ErrorCode::kConflict);
  fs::resize_file(path, 2);
  const auto piece = file->read(0, 5);
  ASSERT_FALSE(piece);
  EXPECT_EQ(piece.error().code, ErrorCode::kConflict);
}

TEST_F(ActionFileTest, AProgramFileIsThereWhenItIsComplete) {
  const std::string path = write("out", "old");
  {
    auto file = ProgramFile::create(path);
    ASSERT_TRUE(file) << file.error().what;
    ASSERT_TRUE(file->write("#!/bin/sh\n"));
  }
  EXPECT_EQ(fs::file_size(path), 3u) << "given up: what was there stays";
  auto file = ProgramFile::create(path);
  ASSERT_TRUE(file->write("#!/bin/sh\n"));
  ASSERT_TRUE(file->write("true\n"));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(fs::file_size(path), 15u);
  EXPECT_EQ(fs::status(path).permissions(), fs::perms(0755));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1) << "nothing else is left";
  EXPECT_EQ(ProgramFile::create(folder_.path()).error().code, ErrorCode::kConflict);
  EXPECT_EQ(ProgramFile::create(folder_.path("no/out")).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace weir::ctl
