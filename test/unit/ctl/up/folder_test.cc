#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "ctl/base/files.h"
#include "ctl/up/actions.h"
#include "ctl/up/data_folder.h"
#include "schema/base/files.h"
#include "schema/graph/expression.h"

namespace weir::ctl {
namespace {

namespace fs = std::filesystem;

class Folders : public testing::Test {
 protected:
  void SetUp() override { root_ = *make_fresh_folder(testing::TempDir() + "weir-folder-"); }
  void TearDown() override { fs::remove_all(root_); }

  static graph::PipelineSpec spec(const std::string& expression = "'seq 3' ; 'wc -l'") {
    return *graph::spec_from_expression(expression).value;
  }
  void write(const std::string& name, const std::string& text, mode_t mode = 0644) const {
    std::ofstream(root_ + "/" + name) << text;
    ::chmod((root_ + "/" + name).c_str(), mode);
  }

  std::string root_;
};

using DataFolders = Folders;

TEST_F(DataFolders, ATemporaryOneComesAndGoes) {
  auto folder = DataFolder::open("", root_, spec());
  ASSERT_TRUE(folder) << folder.error().what;
  const std::string path = folder->path();
  EXPECT_TRUE(folder->is_temporary());
  EXPECT_FALSE(folder->resumed());
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  folder->clean(true);
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(DataFolders, TheSameGraphResumes) {
  uint64_t run = 0;
  {
    auto folder = DataFolder::open(root_ + "/a/b", root_, spec());
    ASSERT_TRUE(folder) << folder.error().what;
    EXPECT_FALSE(folder->resumed());
    run = folder->run();
  }
  auto again = DataFolder::open(root_ + "/a/b", root_, spec());
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_TRUE(again->resumed());
  EXPECT_EQ(again->run(), run);
}

TEST_F(DataFolders, AnotherGraphIsRefusedAndSaidHowItDiffers) {
  { ASSERT_TRUE(DataFolder::open(root_ + "/d", root_, spec())); }
  const auto other = DataFolder::open(root_ + "/d", root_, spec("'seq 4' ; 'wc -l'"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kConflict);
  EXPECT_NE(other.error().what.find("was run = \"seq 3\""), std::string::npos);
  EXPECT_NE(other.error().what.find("is  run = \"seq 4\""), std::string::npos);
  EXPECT_EQ(other.error().what.find("wc -l"), std::string::npos) << other.error().what;
}

TEST_F(DataFolders, InUseAreRefused) {
  auto first = DataFolder::open(root_ + "/d", root_, spec());
  ASSERT_TRUE(first);
  const auto second = DataFolder::open(root_ + "/d", root_, spec());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_NE(second.error().what.find("is in use"), std::string::npos);
}

TEST_F(DataFolders, SomebodyElsesFolderIsLeftAlone) {
  for (const char* name : {"letter.txt", "logs"}) {
    write(name, "dear");
    const auto folder = DataFolder::open(root_, root_, spec());
    ASSERT_FALSE(folder);
    EXPECT_EQ(folder.error().code, ErrorCode::kConflict);
    EXPECT_NE(folder.error().what.find(name), std::string::npos);
    EXPECT_FALSE(fs::exists(root_ + "/lock"));
    fs::remove(root_ + "/" + name);
  }
}

TEST_F(DataFolders, SocketsWithLongPathsAreElsewhere) {
  const std::string deep = root_ + "/" + std::string(100, 'd');
  auto folder = DataFolder::open(deep, root_, spec());
  ASSERT_TRUE(folder) << folder.error().what;
  const std::string sockets = folder->sockets();
  EXPECT_LT(sockets.size(), 40u);
  EXPECT_TRUE(fs::is_directory(sockets));
  folder->clean(false);
  EXPECT_FALSE(fs::exists(sockets));
  EXPECT_TRUE(fs::exists(deep));
  auto near = DataFolder::open("/tmp/" + fs::path(root_).filename().string() + "-n", root_, spec());
  ASSERT_TRUE(near);
  EXPECT_EQ(near->sockets(), near->path() + "/sockets");
  near->clean(true);
}

TEST(Difference, NamesTheNodesThatDiffer) {
  const auto spec = [](const char* text) { return *graph::spec_from_expression(text).value; };
  EXPECT_EQ(difference(spec("'a' ; 'b'"), spec("'a' ; 'b'")), "");
  EXPECT_EQ(difference(spec("'a' ; 'b'"), spec("'a' ; 'c x'")),
            "\n  was dataflow = \"a ; b\"\n  is  dataflow = \"a ; c\"\n  [node.b] is gone"
            "\n  [node.c] is new");
}

using Actions = Folders;

TEST_F(Actions, BecomeAbsolutePathsOfPrograms) {
  write("good", "#!/bin/sh\n", 0755);
  graph::PipelineSpec spec;
  spec.actions["tool"].file = "./good";
  spec.nodes.resize(2);
  spec.nodes[0].action = spec.nodes[1].action = "tool";
  EXPECT_TRUE(resolve_actions(spec, root_).empty());
  EXPECT_EQ(spec.nodes[1].action, root_ + "/good");
}

TEST_F(Actions, ThatCannotRunAreExplained) {
  write("plain", "x", 0644);
  fs::create_directory(root_ + "/folder");
  ::mkfifo((root_ + "/fifo").c_str(), 0755);
  const struct {
    const char* file;
    const char* text;
  } kCases[] = {{"./missing", "there is no such file"},
                {"folder", "it is a folder, not a program"},
                {"fifo", "it is not a regular file"}};
  for (const auto& c : kCases) {
    graph::PipelineSpec spec;
    spec.actions["tool"].file = c.file;
    spec.nodes.resize(1);
    spec.nodes[0].action = "tool";
    const auto wrong = resolve_actions(spec, root_);
    ASSERT_EQ(wrong.size(), 1u);
    EXPECT_NE(wrong[0].find(c.text), std::string::npos) << wrong[0];
  }
  if (::geteuid() != 0) return;  // For root, access() asks only for some x bit: there is none here.
  graph::PipelineSpec spec;
  spec.actions["tool"].file = "plain";
  spec.nodes.resize(1);
  spec.nodes[0].action = "tool";
  EXPECT_NE(resolve_actions(spec, root_)[0].find("it is not executable"), std::string::npos);
}

TEST(AgentNames, HostsFirst) {
  graph::PipelineSpec spec;
  spec.nodes.resize(2);
  EXPECT_EQ(agent_names(spec, 0), std::vector<std::string>{"agent-1"});
  EXPECT_EQ(agent_names(spec, 2), (std::vector<std::string>{"agent-1", "agent-2"}));
  spec.nodes[0].hosts = {"alpha", "beta"};
  spec.nodes[1].hosts = {"beta"};
  EXPECT_EQ(agent_names(spec, 0), (std::vector<std::string>{"alpha", "beta"}));
  EXPECT_EQ(agent_names(spec, 3), (std::vector<std::string>{"alpha", "beta", "agent-1"}));
}

}  // namespace
}  // namespace weir::ctl
