#include "schema/config/settings_file.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

using std::chrono::milliseconds;

struct Settings {
  std::string name = "unset";
  std::string level = "info";
  bool insecure = false;
  uint64_t limit = 0;
  milliseconds wait{60'000};
};

// `given`: all of it was on the command line too.
Status read(const std::string& text, Settings& settings, bool given = false) {
  SettingsFile file;
  file.text("name", settings.name, given);
  file.choice("log_level", {"debug", "info", "warn", "error"}, settings.level, given);
  file.flag("insecure", settings.insecure, given);
  file.size("log_limit", settings.limit, given);
  file.duration("boot_wait", settings.wait, given);
  return file.read(graph::Source{"agent.toml", text});
}

const std::string kAll =
    "name = \"alpha\"\nlog_level = \"debug\"\ninsecure = true\nlog_limit = \"8MiB\"\n"
    "boot_wait = \"5s\"\n";

TEST(SettingsFile, EachKindOfValue) {
  Settings settings;
  ASSERT_TRUE(read(kAll, settings));
  EXPECT_EQ(settings.name, "alpha");
  EXPECT_EQ(settings.level, "debug");
  EXPECT_TRUE(settings.insecure);
  EXPECT_EQ(settings.limit, 8u << 20);
  EXPECT_EQ(settings.wait, milliseconds(5000));
}

TEST(SettingsFile, WhatIsNotInItKeepsItsValue) {
  Settings settings;
  ASSERT_TRUE(read("# nothing\n", settings));
  EXPECT_EQ(settings.name, "unset");
  EXPECT_EQ(settings.wait, milliseconds(60'000));
}

TEST(SettingsFile, TheCommandLineWins) {
  Settings settings;
  ASSERT_TRUE(read(kAll, settings, true));
  EXPECT_EQ(settings.name, "unset");
  EXPECT_EQ(settings.level, "info");
  EXPECT_FALSE(settings.insecure);
  EXPECT_EQ(settings.limit, 0u);
  EXPECT_EQ(settings.wait, milliseconds(60'000));
  // Wrong values are told all the same.
  EXPECT_FALSE(read("name = 3\n", settings, true));
}

TEST(SettingsFile, AllThatIsWrongIsToldWithItsLine) {
  Settings settings;
  const Status status = read(
      "nam = \"alpha\"\nlog_level = \"loud\"\n\nboot_wait = 5\ninsecure = \"yes\"\n"
      "[table]\nkey = 1\n",
      settings);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInvalid);
  for (const char* part : {"agent.toml:1:1: error: unknown key 'nam'", "did you mean 'name'?",
                           "agent.toml:2:13: error: 'loud' is not a value of 'log_level'",
                           "agent.toml:4:13: error: 'boot_wait' takes a duration with its unit",
                           "agent.toml:5:12: error: 'insecure' takes a boolean, not a string",
                           "agent.toml:6:2: error: unknown key 'table'"}) {
    EXPECT_NE(status.error().what.find(part), std::string::npos) << part << " is not in\n"
                                                                 << status.error().what;
  }
}

TEST(SettingsFile, BadTomlAndMissingFilesAreErrors) {
  Settings settings;
  const Status bad = read("name = \n", settings);
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().what.find("agent.toml:1:"), std::string::npos) << bad.error().what;
  const Status missing = SettingsFile().read(std::string("/nowhere/agent.toml"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().what.find("/nowhere/agent.toml"), std::string::npos);
}

}  // namespace
}  // namespace weir::config
