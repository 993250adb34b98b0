#include "ctl/cli/program.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "ctl/base/exit_code.h"
#include "ctl/commands/registry.h"

namespace weir::ctl {
namespace {

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

Outcome run(std::vector<std::string> arguments, const std::string& stdin_text = "") {
  std::istringstream in(stdin_text);
  std::ostringstream out;
  std::ostringstream err;
  Program program({in, out, err});
  add_all_commands(program);
  Outcome outcome;
  outcome.code = program.run(std::move(arguments));
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

constexpr char kGood[] = R"toml(
name = "p"
dataflow = "gen ; (work || other)"
node.gen = { run = "seq 3" }
node.work = { run = "cat", unit = "batch" }
node.other = { action = "tool", unit = "batch" }
)toml";

TEST(Program, UsageErrorsEndWith2AndAHint) {
  const struct {
    std::vector<std::string> arguments;
    std::string_view err;
  } kCases[] = {
      {{}, "weirctl: no command given\nhint: try 'weirctl --help'\n"},
      {{"tre"}, "weirctl: unknown command 'tre'\nhint: did you mean 'tree'?\n"},
      {{"frobnicate"}, "weirctl: unknown command 'frobnicate'\nhint: try 'weirctl --help'\n"},
      {{"pipeline", "chekc"}, "weirctl: unknown command 'chekc'\nhint: did you mean 'check'?\n"},
      {{"pipeline"}, "weirctl: no command given\nhint: try 'weirctl pipeline --help'\n"},
      {{"tree"}, "weirctl: no pipeline given: name a file, - or -e EXPR\n"},
      {{"tree", "a", "b"}, "weirctl: unexpected argument 'b'\nhint: try 'weirctl tree --help'\n"},
      {{"tree", "a", "-e", "'b'"},
       "weirctl: two pipelines given: name a file or -e EXPR, not both\n"},
      {{"tree", "--expresion", "'b'"},
       "weirctl: unknown option '--expresion'\nhint: did you mean '--expression'?\n"},
      {{"tree", "-o", "xml", "-"},
       "weirctl: --output-format: 'xml' is none of table, json\nhint: try 'weirctl tree --help'\n"},
      {{"stop", "x"},
       "weirctl: unknown command 'stop'\nhint: did you mean 'weirctl pipeline stop'?\n"},
      {{"rm"},
       "weirctl: unknown command 'rm'\nhint: did you mean 'weirctl pipeline rm' or 'weirctl action "
       "rm' or 'weirctl agent rm'?\n"},
      {{"help", "stop"},
       "weirctl: unknown command 'stop'\nhint: did you mean 'weirctl pipeline stop'?\n"},
      {{"logs", "p", "--tail", "x"},
       "weirctl: --tail: 'x' is not a number\nhint: try 'weirctl logs --help'\n"},
      {{"logs", "p", "--tail"}, "weirctl: --tail needs a value\nhint: try 'weirctl logs --help'\n"},
      {{"up", "--agents", "101", "-e", "'x'"},
       "weirctl: --agents: 101 is not from 1 to 100\nhint: try 'weirctl up --help'\n"},
      {{"t\x1b[31m"}, "weirctl: unknown command 't?[31m'\nhint: try 'weirctl --help'\n"},
  };
  for (const auto& c : kCases) {
    const Outcome outcome = run(c.arguments);
    EXPECT_EQ(outcome.code, kUsage) << c.err;
    EXPECT_EQ(outcome.err, c.err);
    EXPECT_EQ(outcome.out, "");
  }
}

// A variable that is not set, in a script.
TEST(Program, AnEmptyValueIsAUsageError) {
  const std::vector<std::vector<std::string>> kCases{
      {"up", "--data", "", "-e", "'seq 3'"},
      {"up", "--data=", "-e", "'seq 3'"},
      {"up", "--output", "", "-e", "'seq 3'"},
      {"up", "--log-limit", "", "-e", "'seq 3'"},
      {"up", "--log-level", "", "-e", "'seq 3'"},
      {"up", "--agents", "", "-e", "'seq 3'"},
      {"up", "-e", ""},
      {"up", ""},
      {"up", "", "-e", "'seq 3'"},
      {"tree", "--live", ""},
      {"--broker", "", "status"},
      {"status", "--broker="},
      {"pipeline", "run", "p", "--wait="},
      {"pipeline", "run", ""},
      {"pipeline", "stop", "p", "--wait", "--timeout", ""},
      {"pipeline", "check", "--broker=", "-"},
      {"logs", "p", ""},
      {"logs", "--data", ""},
      {"action", "get", "a", "-O", ""},
      {"wal", "verify", ""},
  };
  for (const auto& arguments : kCases) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, kUsage) << testing::PrintToString(arguments);
    EXPECT_NE(outcome.err.find("the value is empty"), std::string::npos)
        << testing::PrintToString(arguments) << outcome.err;
  }
  // What only looks like one.
  EXPECT_EQ(run({"tree", "-e", "--data="}).code, kFailed);
}

TEST(Program, UnderstandsHelpAndVersionAsPeopleTypeThem) {
  EXPECT_EQ(run({"help"}).out, run({"--help"}).out);
  EXPECT_EQ(run({"help", "up"}).out, run({"up", "--help"}).out);
  EXPECT_EQ(run({"pipeline", "help"}).out, run({"pipeline", "--help"}).out);
  EXPECT_EQ(run({"help", "pipeline", "stop"}).out, run({"pipeline", "stop", "--help"}).out);
  EXPECT_EQ(run({"version"}).out, version_text() + "\n");
  EXPECT_EQ(run({"-v"}).out, version_text() + "\n");
  // A node may have that name.
  EXPECT_EQ(run({"logs", "--data", "/no/such/folder", "help"}).code, kNotFound);
}

TEST(Program, HelpHasExamplesFirst) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--help"}, {"tree", "--help"}, {"pipeline", "check", "-h"}}) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, kDone);
    const size_t examples = outcome.out.find("Examples:\n  weirctl ");
    const size_t usage = outcome.out.find("Usage: weirctl");
    EXPECT_NE(usage, std::string::npos) << outcome.out;
    EXPECT_LT(examples, usage) << outcome.out;
  }
  const Outcome version = run({"--version"});
  EXPECT_EQ(version.code, kDone);
  EXPECT_EQ(version.out.find("weirctl "), 0u);
}

TEST(Program, ErrorsHaveTheirExitCodes) {
  EXPECT_EQ(exit_code_for(ErrorCode::kNotFound), 3);
  EXPECT_EQ(exit_code_for(ErrorCode::kUnavailable), 4);
  EXPECT_EQ(exit_code_for(ErrorCode::kTimeout), 5);
  EXPECT_EQ(exit_code_for(ErrorCode::kConflict), 6);
  EXPECT_EQ(exit_code_for(ErrorCode::kIo), 1);
}

TEST(PipelineCheck, FilesAreChecked) {
  const std::string path = testing::TempDir() + "weir_check_test.toml";
  std::ofstream(path) << kGood;
  Outcome outcome = run({"pipeline", "check", path});
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_EQ(outcome.err, path +
                             ":6:25: error: unknown action 'tool'\n"
                             "node.other = { action = \"tool\", unit = \"batch\" }\n"
                             "                        ^\n"
                             "hint: declare [action.tool] with its file; 'pipeline check "
                             "--allow-unknown-actions' trusts that a broker has it\n");
  outcome = run({"pipeline", "check", "--allow-unknown-actions", path});
  EXPECT_EQ(outcome.code, kDone);
  EXPECT_EQ(outcome.out, path + ": pipeline 'p' is good: 3 nodes, 2 edges\n");
  EXPECT_EQ(outcome.err, "");
  std::remove(path.c_str());
  EXPECT_EQ(run({"pipeline", "check", path}).code, kNotFound);
  EXPECT_EQ(run({"pipeline", "check", path}).err,
            "weirctl: " + path + ": No such file or directory\n");
  EXPECT_EQ(run({"pipeline", "check", "/"}).code, kFailed);
  EXPECT_EQ(run({"pipeline", "check", "/dev/zero"}).err,
            "weirctl: /dev/zero: more than 262144 bytes, the most that a pipeline file may have\n");
}

TEST(PipelineCheck, StandardInputAndExpressionsAreChecked) {
  Outcome outcome = run({"pipeline", "check", "--allow-unknown-actions", "-"}, kGood);
  EXPECT_EQ(outcome.code, kDone);
  EXPECT_EQ(outcome.out, "<stdin>: pipeline 'p' is good: 3 nodes, 2 edges\n");
  outcome = run({"pipeline", "check", "-"}, std::string(300'000, '\n'));
  EXPECT_EQ(outcome.code, kFailed);
  outcome = run({"pipeline", "check", "-e", "'seq 1' ; 'wc'"});
  EXPECT_EQ(outcome.out, "-e: pipeline 'up' is good: 2 nodes, 1 edge\n");
  outcome = run({"pipeline", "check", "-e", "- ; wc"});
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_EQ(outcome.err,
            "-e:1:5: error: 'wc' is not in quotes\n- ; wc\n    ^\n"
            "hint: every node is a command in quotes: 'wc'\n");
  const std::string text =
      "name = \"p\"\ndataflow = \"- ; a\"\nnode.a = { run = \"a\", unit = \"batch\" }\n";
  EXPECT_EQ(run({"pipeline", "check", "-"}, text).code, kFailed);
  EXPECT_EQ(run({"pipeline", "check", "--up", "-"}, text).code, kDone);
}

TEST(PipelineCheck, JsonListsAllMistakes) {
  EXPECT_EQ(run({"pipeline", "check", "-o", "json", "-e", "'a'"}).out, "[]\n");
  const Outcome outcome = run({"pipeline", "check", "-o", "json", "-"}, "name = \"P\"\n");
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_EQ(outcome.err, "");
  const auto json = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["line"], 0);
  EXPECT_EQ(json[1]["file"], "<stdin>");
  EXPECT_EQ(json[1]["line"], 1);
  EXPECT_EQ(json[1]["column"], 8);
  EXPECT_EQ(json[1]["message"], "'P' is not the name of a pipeline");
  EXPECT_NE(json[1]["hint"], "");
}

TEST(Tree, Prints) {
  Outcome outcome = run({"tree", "-"}, kGood);
  EXPECT_EQ(outcome.code, kDone);
  EXPECT_EQ(outcome.out, "gen\n +--> work\n +--> other\n");
  outcome = run({"tree", "-o", "json", "-e", "- ; 'cat'"});
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["name"], "up");
  EXPECT_EQ(json["nodes"][1]["name"], "cat");
  EXPECT_EQ(json["nodes"][1]["inputs"][0], "-");
  EXPECT_EQ(run({"tree", "-e", "'a"}).code, kFailed);
}

}  // namespace
}  // namespace weir::ctl
