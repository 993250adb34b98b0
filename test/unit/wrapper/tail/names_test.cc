#include "wrapper/tail/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/unit/wrapper/tail/fake_files.h"

namespace weir::tail {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST(Names, PatternsStandForWhatAShellWouldFind) {
  FakeFiles files;
  for (const char* path :
       {"/log/a.log", "/log/b.log", "/log/.hidden.log", "/log/c.txt", "/srv/one/log/x.log",
        "/srv/two/log/x.log", "/srv/three/other", "d.log"}) {
    files.make(path, "");
  }
  std::set<std::string> folders;
  std::vector<std::string> troubles;
  const auto found = [&](const char* pattern) { return expand(pattern, files, folders, troubles); };
  EXPECT_THAT(found("/log/*.log"), ElementsAre("/log/a.log", "/log/b.log"));
  EXPECT_THAT(folders, UnorderedElementsAre("/log"));
  EXPECT_THAT(found("/log/[bc].*"), ElementsAre("/log/b.log", "/log/c.txt"));
  EXPECT_THAT(found("/log/?.log"), ElementsAre("/log/a.log", "/log/b.log"));
  EXPECT_THAT(found("/srv/*/log/x.log"),
              ElementsAre("/srv/one/log/x.log", "/srv/three/log/x.log", "/srv/two/log/x.log"))
      << "what is behind a pattern need not be there";
  EXPECT_THAT(found("*.log"), ElementsAre("d.log"));
  EXPECT_THAT(found("/nowhere/*"), IsEmpty());
  EXPECT_THAT(found("/nowhere/file"), ElementsAre("/nowhere/file"));
  EXPECT_THAT(troubles, IsEmpty());
  EXPECT_TRUE(folders.contains("/nowhere"));
  EXPECT_TRUE(folders.contains("/srv"));
  EXPECT_TRUE(folders.contains("."));
  files.refuse("/log", true);
  EXPECT_THAT(found("/log/*"), IsEmpty());
  EXPECT_THAT(troubles, ElementsAre("/log: Permission denied"));
}

TEST(Names, WhatRotationsMakeOfAName) {
  for (const char* name : {"app.log.1", "app.log.12", "app.log-20240131", "app.log.2024-01-31",
                           "app.log-20240131-1706659200", "app.log.old", "app.log_1",
                           "app.log.2024-01-31T10:00:00Z", "app-20240131.log", "app.1.log"}) {
    EXPECT_TRUE(is_rotated_name("app.log", name)) << name;
  }
  for (const char* name :
       {"app.log", "app.log.gz", "app.log.1.gz", "app.log.bak", "app.log1", "app2.log", "app.log.",
        "other.log.1", "app-debug.log", "app.logs.1", "myapp.log.1", "1.log"}) {
    EXPECT_FALSE(is_rotated_name("app.log", name)) << name;
  }
  EXPECT_TRUE(is_rotated_name("syslog", "syslog.1"));
  EXPECT_FALSE(is_rotated_name("syslog", "syslog"));
  EXPECT_FALSE(is_rotated_name(".hidden", "x.hidden"));
}

TEST(Names, WhatIsCompressed) {
  for (const char* name : {"app.log.gz", "app.log.1.gz", "app.log-20240131.zst", "app-1.log.xz"}) {
    EXPECT_TRUE(is_compressed_name("app.log", name)) << name;
  }
  for (const char* name : {"app.log", "app.log.1", "other.log.1.gz", "app.tgz"}) {
    EXPECT_FALSE(is_compressed_name("app.log", name)) << name;
  }
  EXPECT_TRUE(is_compressed("\x1f\x8b\x08"));
  EXPECT_TRUE(is_compressed("BZh91AY&SY..."));
  EXPECT_TRUE(
      is_compressed(std::string_view("\xfd"
                                     "7zXZ\0\0",
                                     7)));
  EXPECT_FALSE(is_compressed("BZhello, a line\n"));
  EXPECT_FALSE(is_compressed("a line\n"));
  EXPECT_FALSE(is_compressed(""));
}

TEST(Names, FoldersAndNames) {
  EXPECT_EQ(folder_of("/a/b"), "/a");
  EXPECT_EQ(folder_of("/b"), "/");
  EXPECT_EQ(folder_of("b"), ".");
  EXPECT_EQ(folder_of("a/b"), "a");
  EXPECT_EQ(name_of("/a/b"), "b");
  EXPECT_EQ(name_of("b"), "b");
  EXPECT_EQ(join("/a", "b"), "/a/b");
  EXPECT_EQ(join("/", "b"), "/b");
  EXPECT_EQ(join(".", "b"), "b");
}

}  // namespace
}  // namespace weir::tail
