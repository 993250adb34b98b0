#include "ctl/base/files.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "schema/base/files.h"

namespace weir::ctl {
namespace {

namespace fs = std::filesystem;

TEST(Files, AreReplacedWhollyOrNotAtAll) {
  const std::string folder = *make_fresh_folder(testing::TempDir() + "weir-files-");
  const std::string path = folder + "/file";
  EXPECT_EQ(*read_small_file(path), std::nullopt);
  ASSERT_TRUE(replace_file(path, "one", Sync::kYes));
  ASSERT_TRUE(replace_file(path, "two", Sync::kNo));
  EXPECT_EQ(**read_small_file(path), "two");
  EXPECT_FALSE(fs::exists(path + ".new"));
  EXPECT_FALSE(replace_file(folder + "/no/file", "x", Sync::kNo));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace weir::ctl
