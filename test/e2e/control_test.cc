// Broker and agents as real processes, killed with kill -9 in turn and together: everything comes
// back, nothing is started twice, and nothing stays behind.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "schema/content/sha256.h"
#include "test/e2e/support/cluster.h"

namespace weir::e2e {
namespace {

using wire::InstanceState;
using wire::PipelineState;

const std::vector<std::pair<std::string, std::string>> kThree{
    {"src", "seq 1 10"}, {"mid", "cat"}, {"out", "wc -l"}};

std::map<std::string, int64_t> pids(const wire::PipelineStatus& status) {
  std::map<std::string, int64_t> all;
  for (const auto& node : status.nodes) all[node.name] = node.instances.at(0).status.pid;
  return all;
}

class Control : public ::testing::Test {
 protected:
  void start_one(const std::vector<std::pair<std::string, std::string>>& nodes = kThree) {
    cluster_.start_broker();
    cluster_.start_agent("alpha");
    cluster_.put_and_run(nodes);
  }

  // All run, and each wrapper is the last that was started.
  bool wait_until_whole() {
    return cluster_.wait("the pipeline is whole", [&] {
      const auto status = cluster_.status();
      if (status.state != PipelineState::kRunning || status.nodes.size() != 3) return false;
      return std::all_of(status.nodes.begin(), status.nodes.end(), [&](const auto& node) {
        const auto& instance = node.instances.at(0);
        const auto starts = cluster_.lines(instance.agent, node.name, "starts");
        return !starts.empty() && std::to_string(instance.status.pid) == starts.back() &&
               ::kill(static_cast<pid_t>(instance.status.pid), 0) == 0;
      });
    });
  }

  void expect_no_conflicts() {
    for (const auto& [node, command] : kThree) {
      EXPECT_TRUE(cluster_.lines("alpha", node, "conflicts").empty()) << node;
    }
  }

  Cluster cluster_;
};

TEST_F(Control, StartsFromSinksToSources) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  const agent::Layout layout = cluster_.layout("alpha");
  const std::string mid = "mid.0 ipc://" + layout.wrapper_socket({"p", "mid", 0});
  const std::string out = "out.0 ipc://" + layout.wrapper_socket({"p", "out", 0});
  EXPECT_EQ(cluster_.lines("alpha", "src", "readers"), std::vector<std::string>{mid});
  EXPECT_EQ(cluster_.lines("alpha", "mid", "readers"), std::vector<std::string>{out});
  EXPECT_EQ(cluster_.lines("alpha", "out", "readers"),
            std::vector<std::string>{"weirctl.0 ipc://" + cluster_.folder() + "/weirctl"});
  const auto status = cluster_.status();
  EXPECT_EQ(status.nodes.at(0).instances.at(0).status.endpoint, "");  // A source reads nothing.
  EXPECT_TRUE(status.nodes.at(2).sink);
  const auto pid = pids(status);
  EXPECT_LT(pid.at("out"), pid.at("mid"));
  EXPECT_LT(pid.at("mid"), pid.at("src"));
}

TEST_F(Control, KilledBrokerForgetsNothingAndDisturbsNobody) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  const auto before = pids(cluster_.status());
  for (int round = 0; round < 3; ++round) {
    cluster_.kill("broker");
    cluster_.start_broker();
    ASSERT_TRUE(wait_until_whole());
  }
  EXPECT_EQ(pids(cluster_.status()), before);
  EXPECT_EQ(cluster_.status().nodes.at(0).instances.at(0).status.term, 1u);
}

TEST_F(Control, KilledAgentAdoptsItsWrappers) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  const auto before = pids(cluster_.status());
  for (int round = 0; round < 3; ++round) {
    cluster_.kill("alpha");
    cluster_.start_agent("alpha");
    ASSERT_TRUE(wait_until_whole());
  }
  EXPECT_EQ(pids(cluster_.status()), before);
  for (const auto& [node, pid] : before) {
    EXPECT_EQ(cluster_.lines("alpha", node, "starts").size(), 1u) << node;
  }
  expect_no_conflicts();
}

// The wrapper that the agent started last has not opened its own lock yet.
TEST_F(Control, AnAgentThatDiesAfterAStartFindsTheSlowWrapper) {
  cluster_.arm("alpha", "agent.launched");
  start_one({{"src", "slow"}});
  ASSERT_TRUE(cluster_.wait("the agent dies and comes back", [&] {
    cluster_.revive();
    return cluster_.revived() == 1;
  }));
  // A new broker knows of no agent but from the one that is there now, which has looked around.
  cluster_.kill("broker");
  cluster_.start_broker();
  ASSERT_TRUE(cluster_.wait_for_agents(1));
  std::ofstream(cluster_.layout("alpha").first_log_dir({"p", "src", 0}) + "/go");
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kRunning));
  EXPECT_EQ(cluster_.lines("alpha", "src", "starts").size(), 1u);
  EXPECT_TRUE(cluster_.lines("alpha", "src", "conflicts").empty());
}

TEST_F(Control, KilledWrapperIsStartedAgainAndNoOther) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  const auto before = pids(cluster_.status());
  ::kill(static_cast<pid_t>(before.at("mid")), SIGKILL);
  ASSERT_TRUE(cluster_.wait("a second start",
                            [&] { return cluster_.lines("alpha", "mid", "starts").size() == 2; }));
  ASSERT_TRUE(wait_until_whole());
  const auto status = cluster_.status();
  EXPECT_EQ(pids(status).at("src"), before.at("src"));
  EXPECT_EQ(pids(status).at("out"), before.at("out"));
  EXPECT_EQ(status.nodes.at(1).instances.at(0).status.restarts, 1u);
  EXPECT_EQ(status.nodes.at(1).instances.at(0).status.term, 1u);
}

TEST_F(Control, RestartsAreCountedOverAnAgentsDeath) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  for (size_t starts = 2; starts <= 3; ++starts) {
    ::kill(static_cast<pid_t>(pids(cluster_.status()).at("mid")), SIGKILL);
    ASSERT_TRUE(cluster_.wait("it is started again", [&] {
      return cluster_.lines("alpha", "mid", "starts").size() == starts;
    }));
    ASSERT_TRUE(wait_until_whole());
    cluster_.kill("alpha");
    cluster_.start_agent("alpha");
    ASSERT_TRUE(wait_until_whole());
    EXPECT_EQ(cluster_.status().nodes.at(1).instances.at(0).status.restarts, starts - 1);
    EXPECT_EQ(cluster_.status().nodes.at(0).instances.at(0).status.restarts, 0u);
  }
}

// An adopted wrapper is not the agent's child; its end is noticed all the same.
TEST_F(Control, KilledAdoptedWrapperIsStartedAgain) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  cluster_.kill("alpha");
  cluster_.start_agent("alpha");
  ASSERT_TRUE(wait_until_whole());
  ::kill(static_cast<pid_t>(pids(cluster_.status()).at("src")), SIGKILL);
  ASSERT_TRUE(cluster_.wait("a second start",
                            [&] { return cluster_.lines("alpha", "src", "starts").size() == 2; }));
  ASSERT_TRUE(wait_until_whole());
}

TEST_F(Control, AnyMixtureOfKillsComesBack) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  std::map<std::string, size_t> starts{{"src", 1}, {"mid", 1}, {"out", 1}};
  // Bits: broker, agent, src, mid, out.
  for (const unsigned which : {0b00011u, 0b00110u, 0b11101u, 0b11110u, 0b01010u, 0b11111u}) {
    const auto before = pids(cluster_.status());
    if ((which & 1) != 0) cluster_.kill("broker");
    if ((which & 2) != 0) cluster_.kill("alpha");
    for (unsigned node = 0; node < 3; ++node) {
      if ((which >> (2 + node) & 1) == 0) continue;
      const std::string& name = kThree[node].first;
      ::kill(static_cast<pid_t>(before.at(name)), SIGKILL);
      ++starts[name];
    }
    if ((which & 1) != 0) cluster_.start_broker();
    if ((which & 2) != 0) cluster_.start_agent("alpha");
    for (const auto& [name, count] : starts) {
      ASSERT_TRUE(
          cluster_.wait(name + " is started as often as it was killed",
                        [&] { return cluster_.lines("alpha", name, "starts").size() >= count; }))
          << "kills " << which;
    }
    ASSERT_TRUE(wait_until_whole()) << "kills " << which;
    for (const auto& [name, count] : starts) {
      EXPECT_EQ(cluster_.lines("alpha", name, "starts").size(), count) << name << " " << which;
    }
  }
  expect_no_conflicts();
}

TEST_F(Control, AWrapperIsStartedAgainWhileTheBrokerIsAway) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  const auto before = pids(cluster_.status());
  cluster_.kill("broker");
  cluster_.kill("alpha");
  ::kill(static_cast<pid_t>(before.at("mid")), SIGKILL);
  cluster_.start_agent("alpha");
  ASSERT_TRUE(cluster_.wait("a second start without the broker",
                            [&] { return cluster_.lines("alpha", "mid", "starts").size() == 2; }));
  cluster_.start_broker();
  ASSERT_TRUE(wait_until_whole());
}

TEST_F(Control, R10AfterABootTheAgentWaitsForTheBroker) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  const auto before = pids(cluster_.status());
  cluster_.kill("broker");
  cluster_.kill("alpha");
  for (const auto& [node, pid] : before) ::kill(static_cast<pid_t>(pid), SIGKILL);
  const std::string boot = cluster_.layout("alpha").data_dir + "/boot_id";
  ASSERT_TRUE(std::filesystem::exists(boot));
  std::ofstream(boot) << "another boot\n";
  cluster_.start_agent("alpha");
  ASSERT_TRUE(cluster_.wait("it waits", [&] {
    std::ifstream log(cluster_.folder() + "/alpha.log");
    const std::string text{std::istreambuf_iterator<char>(log), {}};
    return text.find("nothing is started before the broker") != std::string::npos;
  }));
  for (const auto& [node, pid] : before) {
    EXPECT_EQ(cluster_.lines("alpha", node, "starts").size(), 1u) << node;
  }
  cluster_.start_broker();
  ASSERT_TRUE(wait_until_whole());
  EXPECT_TRUE(cluster_.wait("the boot is noted", [&] {
    std::ifstream file(boot);
    std::string line;
    return std::getline(file, line) && line != "another boot";
  }));
}

TEST_F(Control, NothingIsLeftWhenTheLifelineCloses) {
  start_one({{"src", "child"}, {"mid", "cat"}, {"out", "wc -l"}});
  ASSERT_TRUE(wait_until_whole());
  // One of each kind: adopted, and started by the agent that runs now.
  cluster_.kill("alpha");
  cluster_.start_agent("alpha");
  ASSERT_TRUE(wait_until_whole());
  ::kill(static_cast<pid_t>(pids(cluster_.status()).at("mid")), SIGKILL);
  ASSERT_TRUE(cluster_.wait("a second start",
                            [&] { return cluster_.lines("alpha", "mid", "starts").size() == 2; }));
  ASSERT_TRUE(wait_until_whole());
  const auto last = pids(cluster_.status());
  cluster_.close_lifeline();
  EXPECT_EQ(cluster_.wait_for_exit("broker"), 0);
  EXPECT_EQ(cluster_.wait_for_exit("alpha"), 0);
  EXPECT_FALSE(std::filesystem::exists(cluster_.layout("alpha").run_dir));
  EXPECT_TRUE(cluster_.wait("no process is left", [&] {
    // The adopted ones, and the child of one of them, are this test's to reap.
    runtime::kill_inherited();
    return runtime::reap_inherited() == 0 &&
           std::all_of(last.begin(), last.end(), [](const auto& entry) {
             return ::kill(static_cast<pid_t>(entry.second), 0) != 0;
           });
  }));
}

TEST_F(Control, AProgramThatOutlivesItsWrapperIsKilled) {
  start_one({{"src", "child"}, {"mid", "cat"}, {"out", "wc -l"}});
  ASSERT_TRUE(wait_until_whole());
  ASSERT_TRUE(
      cluster_.wait("a child", [&] { return !cluster_.lines("alpha", "src", "child").empty(); }));
  const pid_t child = std::stoi(cluster_.lines("alpha", "src", "child").at(0));
  ASSERT_EQ(::kill(child, 0), 0);
  ::kill(static_cast<pid_t>(pids(cluster_.status()).at("src")), SIGKILL);
  EXPECT_TRUE(cluster_.wait("the child is dead and reaped", [&] { return ::kill(child, 0) != 0; }));
}

TEST_F(Control, StopsAndRunsAgainUnderTheSameTerm) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  EXPECT_TRUE(std::holds_alternative<wire::Ok>(cluster_.ask(wire::PipelineStop{"p"})));
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kStopped));
  for (const auto& [node, command] : kThree) {
    EXPECT_FALSE(std::filesystem::exists(cluster_.layout("alpha").order_file({"p", node, 0})));
    EXPECT_EQ(cluster_.lines("alpha", node, "stops").size(), 1u);
  }
  cluster_.put_and_run(kThree);
  ASSERT_TRUE(wait_until_whole());
  EXPECT_EQ(cluster_.status().nodes.at(0).instances.at(0).status.term, 1u);
  EXPECT_TRUE(std::holds_alternative<wire::Refusal>(
      cluster_.ask(wire::PipelinePut{Cluster::chain({{"other", "cat"}})})));
}

TEST_F(Control, AStopSurvivesKills) {
  start_one({{"src", "deaf"}, {"mid", "cat"}, {"out", "wc -l"}});
  ASSERT_TRUE(wait_until_whole());
  EXPECT_TRUE(std::holds_alternative<wire::Ok>(cluster_.ask(wire::PipelineStop{"p"})));
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kStopping));
  cluster_.kill("broker");
  cluster_.kill("alpha");
  cluster_.start_agent("alpha");
  cluster_.start_broker();
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kStopping));
  // The source ignores it; nobody behind it is stopped before it is killed for that.
  EXPECT_TRUE(cluster_.lines("alpha", "mid", "stops").empty());
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kStopped));
}

TEST_F(Control, CompletedStaysCompletedOverABrokersDeath) {
  start_one({{"src", "end"}, {"mid", "end"}, {"out", "end"}});
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kCompleted));
  cluster_.kill("broker");
  cluster_.start_broker();
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kCompleted));
}

TEST_F(Control, AFailedStartIsReported) {
  start_one({{"src", "seq"}, {"mid", "fail"}, {"out", "wc -l"}});
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kFailed));
  EXPECT_EQ(cluster_.status().reason, "mid: cannot do that");
}

TEST_F(Control, ABadOrderIsNotTriedAgain) {
  start_one({{"out", "exit 64"}});
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kFailed));
  EXPECT_EQ(cluster_.status().reason, "out: the order is bad: told to end with 64");
  EXPECT_EQ(cluster_.lines("alpha", "out", "starts").size(), 1u);
}

TEST_F(Control, AWrapperThatEndsAgainAndAgainIsPaced) {
  start_one({{"out", "exit 75"}});
  ASSERT_TRUE(cluster_.wait("three restarts", [&] {
    const auto status = cluster_.status();
    return !status.nodes.empty() && status.nodes[0].instances.at(0).status.restarts >= 3;
  }));
  EXPECT_EQ(cluster_.status().state, PipelineState::kStarting);
}

TEST_F(Control, AnAgentThatIsTerminatedStopsItsWrappersAndTheNextOneGoesOn) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  cluster_.terminate("alpha");
  EXPECT_EQ(cluster_.wait_for_exit("alpha"), 0);
  EXPECT_FALSE(std::filesystem::exists(cluster_.layout("alpha").run_dir));
  for (const auto& [node, command] : kThree) {
    EXPECT_EQ(cluster_.lines("alpha", node, "stops").size(), 1u);
  }
  cluster_.start_agent("alpha");
  ASSERT_TRUE(wait_until_whole());
}

TEST_F(Control, NodesGoToTheirHosts) {
  cluster_.start_broker();
  auto spec = Cluster::chain(kThree);
  spec.nodes[0].hosts = {"beta"};
  spec.nodes[1].hosts = {"gamma", "alpha"};
  spec.nodes[2].hosts = {"alpha"};
  EXPECT_TRUE(std::holds_alternative<wire::Ok>(cluster_.ask(wire::PipelinePut{spec})));
  EXPECT_TRUE(std::holds_alternative<wire::Ok>(cluster_.ask(wire::PipelineRun{"p", {}, {}})));
  cluster_.start_agent("alpha");
  ASSERT_TRUE(cluster_.wait("it waits for beta", [&] {
    const auto status = cluster_.status();
    return status.state == PipelineState::kStarting &&
           status.reason == "src: waits for agent beta, of which the broker has never heard";
  }));
  cluster_.start_agent("beta");
  ASSERT_TRUE(wait_until_whole());
  const auto status = cluster_.status();
  EXPECT_EQ(status.nodes.at(0).instances.at(0).agent, "beta");
  EXPECT_EQ(status.nodes.at(1).instances.at(0).agent, "alpha");
  EXPECT_EQ(status.nodes.at(2).instances.at(0).agent, "alpha");
}

TEST_F(Control, ARepeatedRequestIsDoneOnce) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  EXPECT_TRUE(std::holds_alternative<wire::Ok>(cluster_.ask_as("stop-1", wire::PipelineStop{"p"})));
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kStopped));
  cluster_.put_and_run(kThree);
  cluster_.kill("broker");
  cluster_.start_broker();
  // The answer comes from the store; the pipeline is not stopped again.
  EXPECT_TRUE(std::holds_alternative<wire::Ok>(cluster_.ask_as("stop-1", wire::PipelineStop{"p"})));
  ASSERT_TRUE(wait_until_whole());
}

TEST_F(Control, ABrokerThatLostItsMemoryTakesAHigherTerm) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  cluster_.kill("broker");
  std::filesystem::remove_all(cluster_.folder() + "/broker-data");
  cluster_.start_broker();
  ASSERT_TRUE(cluster_.wait("the agent is heard", [&] {
    const auto answer = cluster_.ask(wire::BrokerStatusRequest{});
    const auto* status = std::get_if<wire::BrokerStatus>(&answer);
    return status != nullptr && status->agents.size() == 1 && status->agents[0].instances == 3;
  }));
  cluster_.put_and_run(kThree);
  ASSERT_TRUE(wait_until_whole());
  for (const auto& node : cluster_.status().nodes) {
    EXPECT_EQ(node.instances.at(0).status.term, 2u) << node.name;
  }
  expect_no_conflicts();
}

// Uploads as `weirctl action put` does.
wire::ActionRef put_action(Cluster& cluster, const std::string& name, const std::string& content) {
  const wire::ActionPut put{name, content::sha256_of(content), content.size()};
  while (true) {
    const wire::Message answer = cluster.ask(put);
    if (const auto* stored = std::get_if<wire::ActionStored>(&answer)) return stored->action;
    const auto* wanted = std::get_if<wire::ActionWanted>(&answer);
    if (wanted == nullptr) {
      ADD_FAILURE() << "not taken";
      return {};
    }
    const std::string chunk = content.substr(wanted->offset, wire::kActionChunkBytesMax);
    cluster.ask(wire::ActionChunk{put.sha256, wanted->offset, wire::Bytes{chunk}});
  }
}

TEST_F(Control, AnUploadedProgramIsFetchedAndSurvivesDamage) {
  cluster_.start_broker();
  std::string content(5u << 19, '\0');  // Three chunks.
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 % 251);
  const wire::ActionRef action = put_action(cluster_, "prog", content);
  auto spec = Cluster::chain(kThree);
  for (auto& node : spec.nodes) {
    node.run.clear();
    node.action = "prog";
  }
  EXPECT_TRUE(std::holds_alternative<wire::Ok>(cluster_.ask(wire::PipelinePut{spec})));
  EXPECT_TRUE(std::holds_alternative<wire::Ok>(cluster_.ask(wire::PipelineRun{"p", {}, {}})));
  // The agent is killed while it fetches; the next one begins anew.
  cluster_.start_agent("alpha");
  const std::string path = cluster_.layout("alpha").action_file(action.sha256);
  ASSERT_TRUE(cluster_.wait("the fetch has begun", [&] {
    return std::filesystem::exists(path + ".part") || std::filesystem::exists(path);
  }));
  cluster_.kill("alpha");
  cluster_.start_agent("alpha");
  ASSERT_TRUE(wait_until_whole());
  EXPECT_EQ(content::sha256_of_file(path).value(), action.sha256);
  for (const auto& node : spec.nodes) {
    EXPECT_EQ(cluster_.lines("alpha", node.name, "action"), std::vector<std::string>{path});
  }
  // A copy that was damaged while the agent was away is not run.
  const auto before = pids(cluster_.status());
  cluster_.kill("alpha");
  std::filesystem::permissions(path, std::filesystem::perms(0755));
  std::ofstream(path, std::ios::in | std::ios::out) << "damaged";
  ::kill(static_cast<pid_t>(before.at("mid")), SIGKILL);
  cluster_.start_agent("alpha");
  ASSERT_TRUE(cluster_.wait("a second start",
                            [&] { return cluster_.lines("alpha", "mid", "starts").size() == 2; }));
  EXPECT_EQ(content::sha256_of_file(path).value(), action.sha256);
  ASSERT_TRUE(wait_until_whole());
}

TEST_F(Control, ARemovedPipelineLeavesNothingOnItsAgent) {
  start_one();
  ASSERT_TRUE(wait_until_whole());
  const agent::Layout layout = cluster_.layout("alpha");
  ASSERT_TRUE(std::filesystem::exists(layout.first_log_dir({"p", "src", 0, 0})));
  EXPECT_TRUE(std::holds_alternative<wire::Refusal>(cluster_.ask(wire::PipelineRemove{"p", true})));
  EXPECT_TRUE(std::holds_alternative<wire::Ok>(cluster_.ask(wire::PipelineStop{"p"})));
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kStopped));
  // Asked for while the agent is away, and interrupted when it is back.
  cluster_.kill("alpha");
  EXPECT_TRUE(std::holds_alternative<wire::Ok>(cluster_.ask(wire::PipelineRemove{"p", true})));
  cluster_.start_agent("alpha");
  cluster_.kill("alpha");
  cluster_.start_agent("alpha");
  ASSERT_TRUE(cluster_.wait("the pipeline is forgotten", [&] {
    return std::holds_alternative<wire::Refusal>(cluster_.ask(wire::PipelineGet{"p"}));
  }));
  for (const char* folder : {"/wal", "/logs", "/work", "/orders"}) {
    if (!std::filesystem::exists(layout.data_dir + folder)) continue;
    for (const auto& left : std::filesystem::directory_iterator(layout.data_dir + folder)) {
      EXPECT_EQ(left.path(), layout.identity_of_logs_file());
    }
  }
  // Its name may be used for another one, with a higher term.
  cluster_.put_and_run(kThree);
  ASSERT_TRUE(wait_until_whole());
  EXPECT_EQ(cluster_.status().nodes.at(0).instances.at(0).status.term, 2u);
}

TEST_F(Control, LogsAreReadThroughTheBroker) {
  start_one({{"src", "exit 75"}, {"mid", "cat"}, {"out", "wc -l"}});
  const agent::Layout layout = cluster_.layout("alpha");
  wire::LogRead read;
  read.instance = {"p", "src", 0};
  read.kind = wire::LogKind::kWrapper;
  read.tail_bytes = 1000;
  std::string text;
  // What the wrapper says, as it comes.
  ASSERT_TRUE(cluster_.wait("its words", [&] {
    const wire::Message answer = cluster_.ask(read);
    const auto* data = std::get_if<wire::LogData>(&answer);
    if (data == nullptr) return false;  // It is not placed yet.
    EXPECT_FALSE(data->gap);
    text += data->data.value;
    read.file = data->file;
    read.offset = data->offset;
    const size_t first = text.find("told to end with 75");
    return first != std::string::npos && text.find("told to end with 75", first + 1) != text.npos;
  }));
  // What its program has said: nothing, so far.
  read = {};
  read.instance = {"p", "src", 0};
  read.tail_bytes = 1000;
  wire::Message answer = cluster_.ask(read);
  ASSERT_TRUE(std::holds_alternative<wire::LogData>(answer));
  EXPECT_EQ(std::get<wire::LogData>(answer).file, 0u);
  std::ofstream(layout.stderr_file({"p", "src", 0})) << "something\n";
  answer = cluster_.ask(read);
  ASSERT_TRUE(std::holds_alternative<wire::LogData>(answer));
  EXPECT_EQ(std::get<wire::LogData>(answer).data.value, "something\n");
  EXPECT_TRUE(std::get<wire::LogData>(answer).at_end);
}

TEST_F(Control, ARunFolderWithTooLongANameIsRefused) {
  const Outcome refused = cluster_.scene().run(
      {.argv = {WEIR_AGENT, "--name", "alpha", "--data", cluster_.folder() + "/x", "--run-dir",
                cluster_.folder() + "/" + std::string(100, 'r')}});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("--run-dir"), std::string::npos) << refused.err;
}

}  // namespace
}  // namespace weir::e2e
