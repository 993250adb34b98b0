#include "schema/graph/names.h"

#include <gtest/gtest.h>

#include "schema/graph/suggest.h"

namespace weir::graph {
namespace {

TEST(Names, OfCommandsAreTheirPrograms) {
  for (const std::string_view command :
       {"grep 7", "egrep x", "fgrep -v y", "rg z", "/usr/bin/grep 'a;b|c'", "LC_ALL=C grep x",
        "  grep x  ", "grep \"a && b\"", "grep a\\;b", "grep x < file"}) {
    EXPECT_TRUE(is_lone_grep(command)) << command;
  }
  for (const std::string_view command :
       {"", "grep x | wc", "grep x; true", "grep x && true", "wc; grep x", "sed grep", "grepx",
        "! grep x", "(grep x)", "grep x &", "grep $(cat f)", "grep `cat f`", "grep x\ntrue",
        "grep 'x", "time grep x", "\"grep\" x"}) {
    EXPECT_FALSE(is_lone_grep(command)) << command;
  }
}

TEST(Names, AreCheckedByTheirRules) {
  EXPECT_TRUE(is_node_name("_a-B9"));
  EXPECT_TRUE(is_node_name(std::string(63, 'a')));
  for (const std::string_view name : {"", "-", "9a", "a b", "a.b", "ä"}) {
    EXPECT_FALSE(is_node_name(name)) << name;
  }
  EXPECT_FALSE(is_node_name(std::string(64, 'a')));
  EXPECT_TRUE(is_pipeline_name("9-a_b"));
  for (const std::string_view name : {"", "-a", "_a", "A", "a/b", "..", "a.b"}) {
    EXPECT_FALSE(is_pipeline_name(name)) << name;
  }
  EXPECT_TRUE(is_host_name("node-1.example.org"));
  EXPECT_FALSE(is_host_name("../x"));
}

TEST(Names, CommandName) {
  const struct {
    std::string_view command;
    std::string_view name;
  } kCases[] = {
      {"grep -v x", "grep"}, {" ./a.out", "a-out"},    {"/bin/", "bin"},
      {"A=1 B=2 wc", "wc"},  {"2to3 x", "_2to3"},      {"...", "command"},
      {"--x", "x"},          {"cat<file", "cat"},      {"$HOME/bin/x.sh", "x-sh"},
      {"'my tool' x", "my"}, {"{ a; b; }", "command"}, {"\xC3\xA4tsch", "tsch"},
  };
  for (const auto& c : kCases) EXPECT_EQ(command_name(c.command), c.name) << c.command;
  EXPECT_TRUE(is_node_name(command_name(std::string(100, 'a')) + "-99999"));
}

TEST(Suggest, OnlyWhatIsNear) {
  const std::vector<std::string> words{"retries", "run", "unit", "backoff", "backoff_max"};
  EXPECT_EQ(nearest("retires", words), "retries");
  EXPECT_EQ(nearest("unti", words), "unit");
  EXPECT_EQ(nearest("backof", words), "backoff");
  EXPECT_EQ(nearest("runn", words), "run");
  EXPECT_EQ(nearest("zzz", words), "");
  EXPECT_EQ(nearest("", words), "");
  EXPECT_EQ(nearest(std::string(1000, 'r'), words), "");
}

}  // namespace
}  // namespace weir::graph
