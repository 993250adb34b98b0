#include "ctl/logs/broker_logs.h"

#include <gtest/gtest.h>

#include <csignal>
#include <map>

#include "ctl/base/exit_code.h"
#include "schema/graph/expression.h"
#include "test/unit/ctl/fake_broker.h"

namespace weir::ctl {
namespace {

// Agents whose logs are texts. A file's number is its agent's; what was read has no end of its own.
class BrokerLogsTest : public testing::Test {
 protected:
  BrokerLogsTest() {
    world_.answer = [this](const wire::Message& question) { return answer(question); };
  }

  Result<wire::Message> answer(const wire::Message& question) {
    if (std::holds_alternative<wire::PipelineGet>(question)) {
      return wire::Message(wire::PipelineSpecIs{*graph::spec_from_expression(expression_).value});
    }
    if (std::holds_alternative<wire::PipelineStatusRequest>(question)) {
      if (is_removed_) return Error{ErrorCode::kNotFound, "no pipeline is named \"up\""};
      return wire::Message(status());
    }
    return read(std::get<wire::LogRead>(question));
  }

  wire::PipelineStatus status() const {
    wire::PipelineStatus status;
    status.name = "up";
    status.state = state_;
    for (const auto& [node, agents] : placed_) {
      wire::NodeStatus one;
      one.name = node;
      for (uint32_t i = 0; i < agents.size(); ++i) {
        one.instances.push_back({agents[i], {}});
        one.instances.back().status.instance = i;
      }
      status.nodes.push_back(std::move(one));
    }
    return status;
  }

  Result<wire::Message> read(const wire::LogRead& read) {
    const std::string& agent = placed_.at(read.instance.node).at(read.instance.instance);
    if (away_.contains(agent)) {
      return Error{ErrorCode::kUnavailable, "agent " + agent + " is not connected"};
    }
    const std::string id = agent + "/" + read.instance.node;
    const auto log = logs_.find(id);
    wire::LogData data;
    if (log == logs_.end()) {
      data.at_end = true;
      return wire::Message(data);
    }
    const std::string& text = log->second;
    data.file = std::hash<std::string>()(id) | 1;
    uint64_t from = read.offset;
    if (read.file == 0) {
      from = read.tail_bytes < text.size() ? text.size() - read.tail_bytes : 0;
    } else if (read.file != data.file || gaps_.erase(id) > 0) {
      data.gap = true;
      from = 0;
    }
    data.data.value = text.substr(from, piece_);
    data.offset = from + data.data.value.size();
    data.at_end = data.offset == text.size();
    return wire::Message(data);
  }

  FakeRun logs(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"logs", "up"});
    return run_with(world_, std::move(arguments));
  }

  FakeWorld world_;
  std::string expression_ = "'seq 3' ; 'grep 1' ; 'cat'";
  std::map<std::string, std::vector<std::string>> placed_{
      {"cat", {"alpha"}}, {"grep", {"beta"}}, {"seq", {"alpha"}}};
  std::map<std::string, std::string> logs_;
  std::map<std::string, bool> away_;
  std::map<std::string, bool> gaps_;
  bool is_removed_ = false;
  wire::PipelineState state_ = wire::PipelineState::kRunning;
  size_t piece_ = 4;
};

TEST_F(BrokerLogsTest, LogsComeNodeByNode) {
  logs_ = {{"alpha/seq", "from seq\nmore\n"},
           {"beta/grep", "from grep\n"},
           {"alpha/cat", "from cat\nunfinished"}};
  const FakeRun all = logs({});
  EXPECT_EQ(all.code, kDone) << all.err;
  EXPECT_EQ(all.out, "seq| from seq\nseq| more\ngrep| from grep\ncat| from cat\ncat| unfinished\n");
  EXPECT_EQ(all.err, "");
  EXPECT_EQ(logs({"cat", "grep"}).out, "grep| from grep\ncat| from cat\ncat| unfinished\n");
}

TEST_F(BrokerLogsTest, TailGivesTheLastLines) {
  std::string many;
  for (int i = 1; i <= 30'000; ++i) many += std::to_string(i) + "\n";
  logs_ = {{"alpha/seq", "one\ntwo\n"}, {"beta/grep", many}, {"alpha/cat", "x\nunfinished"}};
  piece_ = 1000;
  EXPECT_EQ(logs({"--tail", "2"}).out,
            "seq| one\nseq| two\ngrep| 29999\ngrep| 30000\ncat| x\ncat| unfinished\n");
  EXPECT_EQ(logs({"--tail", "1"}).out, "seq| two\ngrep| 30000\ncat| unfinished\n");
  EXPECT_EQ(logs({"--tail", "0"}).out, "");
  // More than the first search finds.
  const std::string out = logs({"grep", "--tail", "20000"}).out;
  EXPECT_TRUE(out.starts_with("10001\n")) << out.substr(0, 40);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 20'000);
}

TEST_F(BrokerLogsTest, AnAgentThatIsAwayIsNoted) {
  logs_ = {{"alpha/seq", "a\n"}};
  away_["beta"] = true;
  const FakeRun run = logs({});
  EXPECT_EQ(run.code, kFailed) << "some of it is not there";
  EXPECT_EQ(run.out, "seq| a\n");
  EXPECT_EQ(run.err, "weirctl: note: grep: agent beta is not connected\n");
}

TEST_F(BrokerLogsTest, FollowsUntilCtrlC) {
  logs_ = {{"alpha/seq", "a\n"}};
  away_["beta"] = true;
  int pauses = 0;
  world_.on_pause = [&] {
    switch (++pauses) {
      case 2:
        away_.clear();
        logs_["beta/grep"] = "late\nbegun";
        break;
      case 4:
        logs_["beta/grep"] += " and ended\n";
        break;
      case 8:
        // It was placed elsewhere: its log begins anew there.
        placed_["grep"] = {"gamma"};
        logs_["gamma/grep"] = "moved\n";
        break;
      case 20:
        world_.signal = SIGINT;
        break;
    }
  };
  const FakeRun run = logs({"-f"});
  EXPECT_EQ(run.code, kInterrupted);
  EXPECT_EQ(run.out, "seq| a\ngrep| late\ngrep| begun and ended\ngrep| moved\n");
  EXPECT_EQ(run.err, "weirctl: note: grep: agent beta is not connected; waiting for it\n");
}

TEST_F(BrokerLogsTest, MissingLinesAreNoted) {
  logs_ = {{"alpha/seq", "a\nb"}};
  int pauses = 0;
  world_.on_pause = [&] {
    if (++pauses == 1) gaps_["alpha/seq"] = true, logs_["alpha/seq"] = "z\n";
    if (pauses == 3) world_.signal = SIGINT;
  };
  const FakeRun run = logs({"-f", "seq"});
  EXPECT_EQ(run.out, "a\nb\nz\n");
  EXPECT_EQ(
      run.err,
      "weirctl: note: seq: lines are missing: their file was deleted before they were read\n");
}

TEST_F(BrokerLogsTest, ARemovedPipelineEndsIt) {
  logs_ = {{"alpha/seq", "a\nb"}};
  world_.on_pause = [&] { is_removed_ = true; };
  const FakeRun run = logs({"-f"});
  EXPECT_EQ(run.code, kDone);
  EXPECT_EQ(run.out, "seq| a\nseq| b\n");
  EXPECT_EQ(run.err, "weirctl: note: pipeline 'up' was removed\n");
}

TEST_F(BrokerLogsTest, ACompletedPipelineEndsItWhenAllIsShown) {
  logs_ = {{"alpha/seq", "a\n"}, {"beta/grep", "a longer line\nbegun"}};
  away_["beta"] = true;
  int pauses = 0;
  world_.on_pause = [&] {
    ++pauses;
    if (pauses == 3) state_ = wire::PipelineState::kCompleted;
    // What an agent has that is away is waited for.
    if (pauses == 20) away_.clear();
    ASSERT_LT(pauses, 100);
  };
  const FakeRun run = logs({"-f"});
  EXPECT_EQ(run.code, kDone) << run.err;
  EXPECT_EQ(run.out, "seq| a\ngrep| a longer line\ngrep| begun\n");
  EXPECT_NE(run.err.find("note: pipeline 'up' is completed"), std::string::npos) << run.err;
  EXPECT_GE(pauses, 20);
}

TEST_F(BrokerLogsTest, SeveralInstancesHaveTheirNumbersInFront) {
  placed_["seq"] = {"alpha", "beta"};
  logs_ = {{"alpha/seq", "a\n"}, {"beta/seq", "b\n"}};
  EXPECT_EQ(logs({}).out, "seq.0| a\nseq.1| b\n");
}

TEST_F(BrokerLogsTest, OnlySinksKeepWhatTheyWrite) {
  logs_ = {{"alpha/seq", "a\n"}, {"alpha/cat", "c\n"}};
  EXPECT_EQ(logs({"--stdout"}).out, "c\n") << "one sink needs no name";
  const FakeRun run = logs({"--stdout", "seq"});
  EXPECT_EQ(run.code, kFailed);
  EXPECT_EQ(run.err,
            "weirctl: node 'seq' is no sink: what it writes to stdout goes to its readers\n");
}

TEST_F(BrokerLogsTest, ANodeThatIsNotPlacedHasNoLog) {
  placed_ = {{"cat", {""}}, {"grep", {""}}, {"seq", {""}}};
  const FakeRun run = logs({});
  EXPECT_EQ(run.code, kDone) << run.err;
  EXPECT_EQ(run.out + run.err, "");
}

TEST_F(BrokerLogsTest, UnknownNamesAreErrorsWithHints) {
  const FakeRun run = logs({"gerp"});
  EXPECT_EQ(run.code, kNotFound);
  EXPECT_EQ(run.err, "weirctl: pipeline 'up' has no node 'gerp'\nhint: did you mean 'grep'?\n");
  is_removed_ = true;
  EXPECT_EQ(logs({}).code, kNotFound);
  EXPECT_EQ(run_with(world_, {"logs"}).code, kUsage);
  EXPECT_EQ(logs({"--wrapper", "--stdout"}).code, kUsage);
  EXPECT_EQ(run_with(world_, {"logs", "--data", "x", "--stdout"}).code, kUsage);
}

}  // namespace
}  // namespace weir::ctl
