#include "agent/shell/command_line.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace weir::agent {
namespace {

class CommandLine : public ::testing::Test {
 protected:
  CommandLine() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~CommandLine() override { std::filesystem::remove_all(folder_); }

  // The options, or nothing and what was said in `said_`.
  std::optional<AgentOptions> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "weir-agent");
    ::testing::internal::CaptureStderr();
    const auto parsed = parse_command_line(static_cast<int>(words.size()), words.data());
    said_ = ::testing::internal::GetCapturedStderr();
    if (const auto* options = std::get_if<AgentOptions>(&parsed)) return *options;
    EXPECT_EQ(std::get<int>(parsed), 2);
    return std::nullopt;
  }
  const char* config(const std::string& text) {
    path_ = folder_ + "/agent.toml";
    std::ofstream(path_) << text;
    return path_.c_str();
  }
  bool said(const std::string& text) const { return said_.find(text) != std::string::npos; }

  std::string folder_ = "/tmp/weir-line-XXXXXX";
  std::string path_;
  std::string said_;
};

TEST_F(CommandLine, HasDefaults) {
  const auto options = parse({"--name", "alpha", "--data", "/srv/weir/../weir"});
  ASSERT_TRUE(options) << said_;
  EXPECT_EQ(options->broker, "") << "the local socket";
  EXPECT_EQ(options->layout.data_dir, "/srv/weir");
  EXPECT_EQ(options->layout.run_dir, "/srv/weir/run");
  EXPECT_EQ(options->log_limit_bytes, 0u);
  EXPECT_EQ(options->boot_wait, std::chrono::seconds(60));
  EXPECT_EQ(options->processes.log_level, "info");
}

TEST_F(CommandLine, TakesAFileOfSettingsOverWhichOptionsWin) {
  const char* file = config(
      "name = \"alpha\"\nbroker = \"tcp://10.0.0.1:7700\"\ndata = \"/srv/weir\"\n"
      "address = \"10.0.0.5\"\ninsecure = true\nlog_limit = \"8GiB\"\nlog_level = \"debug\"\n"
      "boot_wait = \"5s\"\n");
  const auto options = parse({"--config", file});
  ASSERT_TRUE(options) << said_;
  EXPECT_EQ(options->name, "alpha");
  EXPECT_EQ(options->broker, "tcp://10.0.0.1:7700");
  EXPECT_EQ(options->layout.data_dir, "/srv/weir");
  EXPECT_EQ(options->layout.address, "10.0.0.5");
  EXPECT_EQ(options->log_limit_bytes, 8ull << 30);
  EXPECT_EQ(options->processes.log_level, "debug");
  EXPECT_EQ(options->boot_wait, std::chrono::seconds(5));
  const auto other = parse({"--config", file, "--name", "beta", "--log-limit", "1MiB",
                            "--boot-wait", "1m", "--broker", "ipc:///run/b"});
  ASSERT_TRUE(other) << said_;
  EXPECT_EQ(other->name, "beta");
  EXPECT_EQ(other->broker, "ipc:///run/b");
  EXPECT_EQ(other->log_limit_bytes, 1u << 20);
  EXPECT_EQ(other->boot_wait, std::chrono::seconds(60));
  EXPECT_EQ(other->layout.address, "10.0.0.5");
}

TEST_F(CommandLine, MistakesAreNamed) {
  EXPECT_FALSE(parse({"--data", "/srv/weir"}));
  EXPECT_TRUE(said("--name is needed")) << said_;
  EXPECT_FALSE(parse({"--name", "alpha"}));
  EXPECT_TRUE(said("--data is needed")) << said_;
  EXPECT_FALSE(parse({"--name", "no good", "--data", "/srv/weir"}));
  EXPECT_TRUE(said("\"no good\" is not a good name")) << said_;
  EXPECT_FALSE(parse({"--name", "alpha", "--data", "/srv/weir", "--address", "10.0.0.5"}));
  EXPECT_TRUE(said("--insecure")) << said_;
  EXPECT_FALSE(parse({"--name", "alpha", "--data", "/srv/weir", "--log-limit", "many"}));
  EXPECT_TRUE(said("'many' is not a size")) << said_;
  EXPECT_FALSE(parse({"--name", "alpha", "--data", "/srv/weir", "--log-limit", "64KiB"}));
  EXPECT_TRUE(said("at least 1MiB")) << said_;
  EXPECT_FALSE(parse({"--name", "alpha", "--data", "/srv/weir", "--broker", "10.0.0.1:7700"}));
  EXPECT_TRUE(said("--broker: '10.0.0.1:7700' is not a broker's endpoint")) << said_;
  EXPECT_FALSE(parse({"--name", "alpha", "--data", "/srv/weir", "--log-level", "loud"}));
  EXPECT_TRUE(said("loud")) << said_;
  EXPECT_FALSE(parse({"--config", config("nmae = \"alpha\"\n")}));
  EXPECT_TRUE(said("agent.toml:1:1: error: unknown key 'nmae'")) << said_;
  EXPECT_FALSE(parse({"--config", "/nowhere/agent.toml"}));
  EXPECT_TRUE(said("/nowhere/agent.toml")) << said_;
  EXPECT_FALSE(parse({"--nonsense"}));
}

}  // namespace
}  // namespace weir::agent
