// What commands print of a cluster, and how they end when there is none.
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "ctl/base/exit_code.h"
#include "schema/config/pipeline_file.h"
#include "test/unit/ctl/fake_broker.h"

namespace weir::ctl {
namespace {

using nlohmann::json;
using wire::InstanceState;
using wire::PipelineState;

graph::PipelineSpec spec() {
  return *config::read_pipeline({"p.toml", R"toml(
name = "p"
dataflow = "gen ; (work || other) ; out"
node.gen = { run = "seq 3" }
node.work = { run = "cat", unit = "batch" }
node.other = { action = "tool", unit = "batch" }
node.out = { run = "wc", unit = "stream" }
)toml"},
                                {.allow_unknown_actions = true})
              .value;
}

wire::NodeStatus node(const std::string& name, InstanceState state, uint64_t unsettled) {
  wire::NodeStatus node;
  node.name = name;
  node.sink = name == "out";
  wire::InstanceStatus status;
  status.pipeline = "p";
  status.node = name;
  status.state = state;
  status.term = 2;
  status.boot = 3;
  status.pid = 100;
  status.action_pid = 101;
  status.records_in = 123'456;
  status.records_out = 1'000;
  status.records_in_per_second = 12'345;
  status.records_out_per_second = 100;
  status.unsettled_records = unsettled;
  status.unsettled_ms = unsettled > 0 ? 7'300 : 0;
  status.log_bytes = 4u << 20;
  status.restarts = 1;
  node.instances.push_back({"alpha", status});
  return node;
}

wire::PipelineStatus status() {
  wire::PipelineStatus status{"p", PipelineState::kDegraded, "out: is hung", {}};
  status.nodes = {node("gen", InstanceState::kRunning, 50), node("work", InstanceState::kEnded, 7),
                  node("other", InstanceState::kRunning, 8),
                  node("out", InstanceState::kFailed, 0)};
  status.nodes[0].instances[0].status.notes = {{4, 1, "first"}, {9, 3, "its log was trimmed"}};
  status.nodes[3].instances[0].status.last_error = "is hung\x1b[2J";
  status.nodes[3].instances[0].status.dead_letters = 4;
  return status;
}

class StatusCommands : public testing::Test {
 protected:
  StatusCommands() {
    world_.answer = [this](const wire::Message& question) { return answer(question); };
  }

  static Result<wire::Message> answer(const wire::Message& question) {
    if (std::holds_alternative<wire::PipelineStatusRequest>(question)) {
      return wire::Message(status());
    }
    if (std::holds_alternative<wire::PipelineGet>(question)) {
      return wire::Message(wire::PipelineSpecIs{spec()});
    }
    if (std::holds_alternative<wire::ActionList>(question)) {
      return wire::Message(wire::ActionListIs{
          {{{"tool", 2, std::string(64, 'a'), 2'000'000}, 1'767'323'045'678, {"p", "q"}},
           {{"tool", 1, std::string(64, 'b'), 5}, 0, {}}}});
    }
    if (const auto* events = std::get_if<wire::EventsRequest>(&question)) {
      return wire::Message(events_after(events->after));
    }
    return wire::Message(
        wire::BrokerStatus{{{"alpha", "10.0.0.1", true, 4, 120}, {"beta", "", false, 0, 185'000}},
                           {{"p", PipelineState::kDegraded, "out: is hung", 4, 3, 12'345, 4, 1},
                            {"q", PipelineState::kStored, "", 2, 0, 0, 0, 0}}});
  }

  static wire::Events events_after(uint64_t number) {
    const std::vector<wire::Event> all{{1, 0, "agent.connected", "", "", "alpha", "at 10.0.0.1"},
                                       {2, 1'000, "node.placed", "p", "gen", "alpha", "term 1"},
                                       {4, 2'000, "pipeline.running", "p", "", "", ""},
                                       {5, 3'000, "action.stored", "", "", "", "tool, version 1"}};
    wire::Events events;
    for (const wire::Event& event : all) {
      if (event.number > number) events.events.push_back(event);
    }
    return events;
  }

  FakeRun run(std::vector<std::string> arguments) { return run_with(world_, std::move(arguments)); }

  FakeWorld world_;
};

TEST_F(StatusCommands, StatusShowsAgentsAndPipelines) {
  const FakeRun table = run({"status"});
  EXPECT_EQ(table.code, kDone) << table.err;
  EXPECT_EQ(
      table.out,
      "broker ipc:///run/user/1/weir/broker/control/socket: 2 agents (1 silent), 2 pipelines\n\n"
      "AGENT  STATE      INSTANCES   HEARD  ADDRESS\n"
      "alpha  connected          4  0s ago  10.0.0.1\n"
      "beta   silent             0  3m ago  -\n\n"
      "PIPELINE  STATE      UP     RATE  DEAD  RESTARTS  REASON\n"
      "p         degraded  3/4  12.3k/s     4         1  out: is hung\n"
      "q         stored    0/2      0/s     0         0\n");
  const json all = json::parse(run({"status", "-o", "json"}).out);
  EXPECT_EQ(all["broker"], "ipc:///run/user/1/weir/broker/control/socket");
  EXPECT_EQ(all["agents"][1], json({{"name", "beta"},
                                    {"connected", false},
                                    {"address", ""},
                                    {"instances", 0},
                                    {"heard_ms_ago", 185'000}}));
  EXPECT_EQ(all["pipelines"][0], json({{"name", "p"},
                                       {"state", "degraded"},
                                       {"reason", "out: is hung"},
                                       {"instances", 4},
                                       {"instances_up", 3},
                                       {"records_out_per_second", 12'345},
                                       {"dead_letters", 4},
                                       {"restarts", 1}}));
  EXPECT_EQ(json::parse(run({"agent", "list", "-o", "json"}).out), all["agents"]);
  EXPECT_EQ(json::parse(run({"pipeline", "list", "-o", "json"}).out), all["pipelines"]);
}

TEST_F(StatusCommands, PipelineStatusShowsARowForEachInstance) {
  EXPECT_EQ(
      run({"pipeline", "status", "p"}).out,
      "p: degraded: out: is hung\n\n"
      "NODE   AGENT  STATE      IN   OUT  OUT/s  UNSETTLED  OLDEST      LOG  RESTARTS  DEAD\n"
      "gen    alpha  running  123k  1000    100         50      7s  4.0 MiB         1     0\n"
      "work   alpha  ended    123k  1000    100          7      7s  4.0 MiB         1     0\n"
      "other  alpha  running  123k  1000    100          8      7s  4.0 MiB         1     0\n"
      "out    alpha  failed   123k  1000    100          0       -  4.0 MiB         1     4\n\n"
      "out: is hung?[2J\n\n"
      "last notes (all: weirctl events)\n"
      "gen: its log was trimmed (3 times)\n");
}

// The fields that design 8 promises, and no less.
TEST_F(StatusCommands, PipelineStatusAsJsonHasAllFields) {
  const json all = json::parse(run({"pipeline", "status", "p", "-o", "json"}).out);
  EXPECT_EQ(all["name"], "p");
  EXPECT_EQ(all["state"], "degraded");
  EXPECT_EQ(all["reason"], "out: is hung");
  EXPECT_EQ(all["nodes"][0]["name"], "gen");
  const json& instance = all["nodes"][0]["instances"][0];
  const json expected = {
      {"index", 0},
      {"agent", "alpha"},
      {"state", "running"},
      {"pid", 100},
      {"action_pid", 101},
      {"term", 2},
      {"boot", 3},
      {"records_in", 123'456},
      {"records_out", 1'000},
      {"bytes_in", 0},
      {"bytes_out", 0},
      {"unsettled_records", 50},
      {"log_bytes", 4 << 20},
      {"restarts", 1},
      {"dead_letters", 0},
      {"last_error", ""},
      {"unsettled_ms", 7'300},
      {"nonzero_exits", 0},
      {"notes",
       {{{"text", "first"}, {"times", 1}}, {{"text", "its log was trimmed"}, {"times", 3}}}}};
  for (const auto& [key, value] : expected.items()) EXPECT_EQ(instance.at(key), value) << key;
}

TEST_F(StatusCommands, TreeLiveShowsStatesAndRates) {
  EXPECT_EQ(run({"tree", "--live", "p"}).out,
            "p: degraded: out: is hung\n\n"
            "NODE             STATE    AGENT   IN/s  OUT/s  UNSETTLED\n"
            "gen              running  alpha  12.3k    100         50\n"
            " +--> work       ended    alpha  12.3k    100          7\n"
            " |     +--> out  failed   alpha  12.3k    100          0\n"
            " +--> other      running  alpha  12.3k    100          8\n"
            "       +--> out\n");
  const json live = json::parse(run({"tree", "--live", "p", "-o", "json"}).out);
  EXPECT_EQ(live["state"], "degraded");
  EXPECT_EQ(live["nodes"][1]["inputs"][0], "gen");
  EXPECT_EQ(live["nodes"][1]["instances"][0]["agent"], "alpha");
  EXPECT_EQ(run({"tree", "--live", "p", "p.toml"}).code, kUsage);
  EXPECT_EQ(run({"tree", "--broker", "tcp://x:1", "p.toml"}).code, kUsage);
  const FakeRun lost = run({"tree", "simplepipe"});
  EXPECT_EQ(lost.code, kNotFound);
  EXPECT_EQ(lost.err,
            "weirctl: simplepipe: No such file or directory\n"
            "hint: 'weirctl tree --live simplepipe' shows a pipeline that the broker has\n");
}

TEST_F(StatusCommands, TopPrintsRowsOnceWithoutATerminal) {
  EXPECT_EQ(run({"top", "p"}).out,
            "PIPELINE  NODE   AGENT  STATE     IN/s  OUT/s  UNSETTLED  LAG      LOG  RESTARTS\n"
            "p         gen    alpha  running  12.3k    100         50    0  4.0 MiB         1\n"
            "p         work   alpha  ended    12.3k    100          7   50  4.0 MiB         1\n"
            "p         other  alpha  running  12.3k    100          8   50  4.0 MiB         1\n"
            "p         out    alpha  failed   12.3k    100          0   15  4.0 MiB         1\n");
  const json all = json::parse(run({"top", "-o", "json"}).out);
  EXPECT_EQ(all.size(), 8u) << "of both pipelines";
  EXPECT_EQ(all[3]["lag_records"], 15);
  EXPECT_EQ(all[3]["node"], "out");
}

TEST_F(StatusCommands, ActionListShowsVersions) {
  EXPECT_EQ(run({"action", "list"}).out,
            "ACTION  VERSION     SIZE  STORED                    SHA256        USED BY\n"
            "tool          2  1.9 MiB  2026-01-02T03:04:05.678Z  aaaaaaaaaaaa  p, q\n"
            "tool          1      5 B  1970-01-01T00:00:00.000Z  bbbbbbbbbbbb\n");
  const json all = json::parse(run({"action", "list", "tool", "-o", "json"}).out);
  EXPECT_EQ(all[0], json({{"name", "tool"},
                          {"version", 2},
                          {"sha256", std::string(64, 'a')},
                          {"bytes", 2'000'000},
                          {"stored_at_ms", 1'767'323'045'678},
                          {"used_by", {"p", "q"}}}));
  const FakeRun none = run({"action", "list", "tolo"});
  EXPECT_EQ(none.code, kNotFound);
  EXPECT_EQ(none.err, "weirctl: no action is named \"tolo\"; did you mean 'tool'?\n");
}

TEST_F(StatusCommands, EventsAreListed) {
  EXPECT_EQ(run({"events"}).out,
            "1970-01-01T00:00:00.000Z  agent.connected     alpha: at 10.0.0.1\n"
            "1970-01-01T00:00:01.000Z  node.placed         p/gen on alpha: term 1\n"
            "1970-01-01T00:00:02.000Z  pipeline.running    p\n"
            "1970-01-01T00:00:03.000Z  action.stored       tool, version 1\n");
  EXPECT_EQ(run({"events", "p", "--tail", "1"}).out,
            "1970-01-01T00:00:02.000Z  pipeline.running    p\n");
  const json all = json::parse(run({"events", "-o", "json"}).out);
  EXPECT_EQ(all.size(), 4u);
  EXPECT_EQ(all[1], json({{"number", 2},
                          {"time_ms", 1'000},
                          {"kind", "node.placed"},
                          {"pipeline", "p"},
                          {"node", "gen"},
                          {"agent", "alpha"},
                          {"text", "term 1"}}));
}

TEST_F(StatusCommands, EventsAreFollowed) {
  uint64_t shown = 2;
  bool is_away = false;
  world_.answer = [&](const wire::Message& question) -> Result<wire::Message> {
    if (is_away) return Error{ErrorCode::kTimeout, "late"};
    wire::Events events = events_after(std::get<wire::EventsRequest>(question).after);
    std::erase_if(events.events, [&](const auto& event) { return event.number > shown; });
    return wire::Message(events);
  };
  int pauses = 0;
  world_.on_pause = [&] {
    ++pauses;
    is_away = pauses >= 2 && pauses < 5;
    if (pauses == 5) shown = 4;
    if (pauses == 7) world_.signal = SIGTERM;
  };
  const FakeRun run = this->run({"events", "-f", "-o", "json", "--tail", "1"});
  EXPECT_EQ(run.code, 128 + SIGTERM);
  EXPECT_EQ(run.err, "weirctl: note: the broker does not answer; waiting for it\n");
  std::istringstream lines(run.out);
  std::vector<uint64_t> numbers;
  for (std::string line; std::getline(lines, line);) numbers.push_back(json::parse(line)["number"]);
  EXPECT_EQ(numbers, (std::vector<uint64_t>{2, 4}));
}

TEST_F(StatusCommands, ABrokerThatDoesNotAnswerIsNamedWithAHint) {
  world_.reached = false;
  world_.answer = [](const wire::Message&) -> Result<wire::Message> {
    return Error{ErrorCode::kUnavailable, "it is away"};
  };
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"events", "-f"},
                                             {"logs", "p", "-f"},
                                             {"top"},
                                             {"action", "rm", "x"},
                                             {"agent", "list"},
                                             {"pipeline", "run", "p", "--wait"}}) {
    const FakeRun outcome = run(words);
    EXPECT_EQ(outcome.code, kBrokerNotReached) << words[0];
    EXPECT_EQ(
        outcome.err,
        "weirctl: no broker answers at ipc:///run/user/1/weir/broker/control/socket: it is away\n"
        "hint: start one with 'weir-broker --data DIR', or name another with --broker "
        "ENDPOINT or WEIR_BROKER\n");
    EXPECT_EQ(outcome.out, "");
  }
  const FakeRun named = run_with(world_, {"status"}, "", "ipc:///nowhere");
  EXPECT_TRUE(
      named.err.starts_with("weirctl: no broker answers at ipc:///nowhere (from "
                            "WEIR_BROKER): it is away\n"))
      << named.err;
}

TEST_F(StatusCommands, EachErrorHasItsCode) {
  const auto code_of = [&](Error error, int signal = 0) {
    world_.signal = signal;
    world_.answer = [=](const wire::Message&) -> Result<wire::Message> { return error; };
    return run({"pipeline", "stop", "p"}).code;
  };
  EXPECT_EQ(code_of({ErrorCode::kNotFound, ""}), kNotFound);
  EXPECT_EQ(code_of({ErrorCode::kTimeout, ""}), kTimedOut);
  EXPECT_EQ(code_of({ErrorCode::kConflict, ""}), kConflict);
  EXPECT_EQ(code_of({ErrorCode::kInvalid, ""}), kFailed);
  EXPECT_EQ(code_of({ErrorCode::kUnavailable, ""}), kFailed) << "the broker was reached";
  EXPECT_EQ(code_of({ErrorCode::kTimeout, ""}, SIGINT), kInterrupted);
}

// The error names what the user typed, and not the field of a message that it is in.
TEST_F(StatusCommands, ANameThatNoPipelineCanHaveIsNotFound) {
  const std::vector<std::vector<std::string>> kCases{
      {"pipeline", "status", "OK"},
      {"pipeline", "get", "OK"},
      {"pipeline", "run", "OK"},
      {"pipeline", "stop", "OK"},
      {"pipeline", "abandon", "OK"},
      {"pipeline", "rm", "OK"},
      {"logs", "OK"},
      {"events", "OK"},
      {"tree", "--live", "OK"},
      {"top", "OK"},
      {"dead", "list", "OK"},
      {"dead", "show", "OK", "a", "0.1.0"},
  };
  for (const auto& words : kCases) {
    const FakeRun outcome = run(words);
    EXPECT_EQ(outcome.code, kNotFound) << testing::PrintToString(words) << outcome.err;
    EXPECT_EQ(outcome.err,
              "weirctl: no pipeline is named \"OK\": their names have small letters, digits, _ and "
              "-\n");
  }
}

TEST_F(StatusCommands, TheBrokerIsChosenByOptionEnvironmentAndFile) {
  run({"status", "--broker", "tcp://behind:1"});
  EXPECT_EQ(world_.endpoint, "tcp://behind:1");
  run({"--broker", "tcp://before:1", "agent", "list"});
  EXPECT_EQ(world_.endpoint, "tcp://before:1");
  const FakeRun bad = run({"status", "--broker", "localhost"});
  EXPECT_EQ(bad.code, kUsage);
  EXPECT_EQ(bad.err,
            "weirctl: --broker: 'localhost' is not a broker's endpoint; write tcp://HOST:PORT or "
            "ipc:///PATH\n");
  const FakeRun up = run({"--broker", "tcp://x:1", "up", "-e", "'true'"});
  EXPECT_EQ(up.code, kUsage);
  EXPECT_EQ(up.err, "weirctl: 'weirctl up' asks no broker, so --broker means nothing\n");
}

}  // namespace
}  // namespace weir::ctl
