// weirctl logs without following, on a folder that looks like one of `weirctl up`.
#include <gtest/gtest.h>

#include <sstream>

#include "ctl/base/exit_code.h"
#include "ctl/commands/logs.h"
#include "ctl/up/data_folder.h"
#include "schema/graph/expression.h"
#include "test/unit/ctl/logs/temp_folder.h"

namespace weir::ctl {
namespace {

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

Outcome logs(std::vector<std::string> arguments) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Program program({in, out, err});
  add_logs(program);
  Outcome outcome;
  arguments.insert(arguments.begin(), "logs");
  outcome.code = program.run(std::move(arguments));
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

class LogsCommand : public testing::Test {
 protected:
  void run_was_here(const std::string& expression) {
    const auto spec = graph::spec_from_expression(expression);
    ASSERT_TRUE(DataFolder::open(data_, folder_.path(), *spec.value));
  }
  static std::string file(const std::string& agent, const std::string& name) {
    return "d/agents/" + agent + "/logs/up/" + name;
  }

  TempFolder folder_;
  std::string data_ = folder_.path("d");
};

TEST_F(LogsCommand, NodesComeInTheOrderOfTheGraph) {
  run_was_here("'seq 3' ; 'grep 1' ; 'cat'");
  folder_.append(file("one", "seq.0.stderr"), "from seq\n");
  folder_.append(file("one", "cat.0.stderr"), "from cat\nunfinished");
  folder_.append(file("two", "grep.0.stderr.1"), "old\n");
  folder_.append(file("two", "grep.0.stderr"), "new\n");
  folder_.append(file("two", "grep.0.wrapper.log"), "wrapper\n");
  const Outcome all = logs({"--data", data_});
  EXPECT_EQ(all.code, kDone) << all.err;
  EXPECT_EQ(all.out, "seq| from seq\ngrep| old\ngrep| new\ncat| from cat\ncat| unfinished\n");
  EXPECT_EQ(all.err, "");
  EXPECT_EQ(logs({"--data", data_, "cat", "seq"}).out,
            "seq| from seq\ncat| from cat\ncat| unfinished\n");
  EXPECT_EQ(logs({"--data", data_, "--tail", "1"}).out,
            "seq| from seq\ngrep| new\ncat| unfinished\n");
  EXPECT_EQ(logs({"--data", data_, "--wrapper"}).out, "grep| wrapper\n");
}

TEST_F(LogsCommand, NothingStandsInFrontOfLinesOfTheOnlyProgram) {
  run_was_here("- ; 'cat'");
  folder_.append(file("one", "cat.0.stderr"), "x\n");
  folder_.append(file("one", "cat.0.wrapper.log"), "y\n");
  EXPECT_EQ(logs({"--data", data_}).out, "x\n");
  EXPECT_EQ(logs({"--data", data_, "--wrapper"}).out, "cat| y\n") << "each node has a wrapper";
}

TEST_F(LogsCommand, AnEmptyLogPrintsNothing) {
  run_was_here("'seq 3'");
  const Outcome outcome = logs({"--data", data_});
  EXPECT_EQ(outcome.code, kDone) << outcome.err;
  EXPECT_EQ(outcome.out + outcome.err, "");
}

TEST_F(LogsCommand, UnknownFoldersAndNodesAreErrors) {
  run_was_here("'seq 3' ; 'grep 1'");
  Outcome outcome = logs({"--data", data_, "gerp"});
  EXPECT_EQ(outcome.code, kNotFound);
  EXPECT_EQ(outcome.err, "weirctl: pipeline 'up' has no node 'gerp'\nhint: did you mean 'grep'?\n");
  outcome = logs({"--data", data_, "wholly-different"});
  EXPECT_EQ(outcome.code, kNotFound);
  EXPECT_EQ(outcome.err,
            "weirctl: pipeline 'up' has no node 'wholly-different'\nhint: its nodes are seq, "
            "grep\n");
  outcome = logs({"--data", folder_.path("no")});
  EXPECT_EQ(outcome.code, kNotFound);
  EXPECT_EQ(outcome.err, "weirctl: " + folder_.path("no") + ": there is no such folder\n");
  outcome = logs({"--data", folder_.path()});
  EXPECT_EQ(outcome.code, kNotFound);
  EXPECT_EQ(outcome.err,
            "weirctl: " + folder_.path() + " is not the data folder of a 'weirctl up'\n");
  EXPECT_FALSE(std::filesystem::exists(folder_.path("lock"))) << "looking makes nothing";
}

TEST_F(LogsCommand, ContradictingOptionsAreUsageErrors) {
  EXPECT_EQ(logs({}).code, kUsage);
  EXPECT_EQ(logs({}).err,
            "weirctl: no pipeline given\nhint: name one that the broker has, or the data folder of "
            "a 'weirctl up' with --data DIR\n");
  EXPECT_EQ(logs({"--data", data_, "--tail", "-1"}).code, kUsage);
  EXPECT_EQ(logs({"--data", data_, "--tail", "many"}).code, kUsage);
}

TEST_F(LogsCommand, ADamagedGraphIsAnError) {
  run_was_here("'seq 3'");
  std::ofstream(data_ + "/graph") << "garbage";
  const Outcome outcome = logs({"--data", data_});
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_EQ(outcome.err.find("weirctl: " + data_ + "/graph: "), 0u) << outcome.err;
}

}  // namespace
}  // namespace weir::ctl
