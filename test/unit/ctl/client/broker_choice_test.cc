#include "ctl/client/broker_choice.h"

#include <gtest/gtest.h>

#include <fstream>

#include "test/unit/ctl/logs/temp_folder.h"

namespace weir::ctl {
namespace {

class BrokerChoiceTest : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path(name)) << text;
    return folder_.path(name);
  }
  static std::string error_of(const BrokerSources& sources) {
    const auto choice = choose_broker(sources);
    if (choice) return "chose " + choice->endpoint;
    EXPECT_EQ(choice.error().code, ErrorCode::kInvalid);
    return choice.error().what;
  }

  TempFolder folder_;
};

TEST_F(BrokerChoiceTest, OptionEnvironmentAndFilesComeInThisOrder) {
  const std::string own = file("own.toml", "broker = \"tcp://own:1\"\n");
  const std::string all = file("all.toml", "broker = \"ipc:///run/all\"\n");
  const std::string empty = file("empty.toml", "# nothing yet\n");
  const struct {
    BrokerSources sources;
    std::string endpoint;
    std::string from;
  } kCases[] = {
      {{"tcp://option:1", "tcp://env:1", {own, all}, ""}, "tcp://option:1", "--broker"},
      {{"", "tcp://env:1", {own, all}, ""}, "tcp://env:1", "WEIR_BROKER"},
      {{"", "", {own, all}, ""}, "tcp://own:1", own},
      {{"", "", {folder_.path("none.toml"), all}, ""}, "ipc:///run/all", all},
      {{"", "", {empty, all}, ""}, "ipc:///run/all", all},
      {{"", "", {folder_.path("none.toml"), empty}, "ipc:///local"}, "ipc:///local", ""},
      {{"", "", {}, "ipc:///local"}, "ipc:///local", ""},
  };
  for (const auto& [sources, endpoint, from] : kCases) {
    const auto choice = choose_broker(sources);
    ASSERT_TRUE(choice) << choice.error().what;
    EXPECT_EQ(choice->endpoint, endpoint);
    EXPECT_EQ(choice->from, from);
  }
}

TEST_F(BrokerChoiceTest, WhatIsNoEndpointIsRefused) {
  for (const std::string text :
       {"localhost:7700", "tcp://", "tcp://:7700", "tcp://host", "tcp://host:", "tcp://host:0",
        "tcp://host:65536", "tcp://host:*", "tcp://a b:1", "ipc://", "inproc://x", "7700"}) {
    EXPECT_EQ(error_of({text, "", {}, ""}),
              "--broker: '" + text +
                  "' is not a broker's endpoint; write tcp://HOST:PORT "
                  "or ipc:///PATH");
  }
  EXPECT_TRUE(choose_broker({"tcp://[::1]:7700", "", {}, ""}));
  EXPECT_TRUE(error_of({"", "x", {}, ""}).starts_with("WEIR_BROKER: 'x' is not"));
}

TEST_F(BrokerChoiceTest, MistakesInAFileAreShownWithTheirPlace) {
  std::string path = file("a.toml", "brokre = \"tcp://own:1\"\n");
  EXPECT_EQ(error_of({"", "", {path}}), path +
                                            ":1:1: error: unknown key 'brokre'\n"
                                            "brokre = \"tcp://own:1\"\n^\n"
                                            "hint: did you mean 'broker'?");
  path = file("b.toml", "broker = 7700\n");
  EXPECT_TRUE(error_of({"", "", {path}}).starts_with(path + ":1:10: error: ")) << path;
  path = file("c.toml", "broker = \n");
  EXPECT_TRUE(error_of({"", "", {path}}).starts_with(path + ":1:")) << path;
  // Nobody asks it.
  EXPECT_TRUE(choose_broker({"", "tcp://env:1", {path}}));
}

TEST(ConfigFiles, TheUsersOwnComesBeforeThatOfAll) {
  const auto files = [](std::string home, std::string config) {
    return config_files([=](const char* name) {
      return std::string(name) == "HOME"              ? home
             : std::string(name) == "XDG_CONFIG_HOME" ? config
                                                      : "";
    });
  };
  using Paths = std::vector<std::string>;
  EXPECT_EQ(files("/home/a", ""),
            (Paths{"/home/a/.config/weir/weirctl.toml", "/etc/weir/weirctl.toml"}));
  EXPECT_EQ(files("/home/a", "/c"), (Paths{"/c/weir/weirctl.toml", "/etc/weir/weirctl.toml"}));
  EXPECT_EQ(files("", ""), Paths{"/etc/weir/weirctl.toml"});
}

}  // namespace
}  // namespace weir::ctl
