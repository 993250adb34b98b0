// Pipelines over several agents with everything real: edges over TCP, kill -9 of whatever there is,
// stop and run, ends, many nodes, many pipelines, and a broker that was restored from an old copy.
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "test/e2e/support/cluster.h"
#include "test/e2e/support/ledger.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;
using wire::InstanceState;
using wire::PipelineState;

graph::NodeSpec pipe(const std::string& name, const std::string& run, const std::string& host = "",
                     graph::Unit unit = graph::Unit::kBatch) {
  graph::NodeSpec node;
  node.name = name;
  node.run = run;
  node.unit = unit;
  node.retries = 1000;
  node.backoff_first = node.backoff_max = std::chrono::milliseconds(20);
  if (!host.empty()) node.hosts = {host};
  return node;
}

graph::NodeSpec frames(const std::string& name, const std::string& arguments,
                       const std::string& host) {
  graph::NodeSpec node = pipe(name, FRAMES_PROGRAM + (" " + arguments), host);
  node.protocol = graph::Protocol::kFrames;
  return node;
}

// A sink that keeps each unit as a file in `folder`, exactly once.
graph::NodeSpec archive(const std::string& name, const std::string& folder,
                        const std::string& host) {
  graph::NodeSpec node = pipe(name,
                              "mkdir -p " + folder + " && cat > " + folder + "/.$WEIR_UNIT && mv " +
                                  folder + "/.$WEIR_UNIT " + folder + "/$WEIR_UNIT",
                              host);
  node.durability = graph::Durability::kDisk;
  node.max_records = 500;
  return node;
}

std::string multiples(long of, long upto) {
  std::string all;
  for (long i = of; i <= upto; i += of) all += std::to_string(i) + "\n";
  return all;
}

// A long text in a failure helps nobody.
void expect_same(const std::string& got, const std::string& expected) {
  if (got == expected) return;
  const auto at = std::mismatch(got.begin(), got.end(), expected.begin(), expected.end()).first;
  ADD_FAILURE() << got.size() << " bytes instead of " << expected.size() << ", other from byte "
                << at - got.begin() << " on";
}

class ClusterTest : public ::testing::Test {
 protected:
  void run(const graph::PipelineSpec& spec) {
    ASSERT_TRUE(cluster_.ok(wire::PipelinePut{spec}));
    ASSERT_TRUE(cluster_.ok(wire::PipelineRun{spec.name, {}, {}}));
  }

  // From alpha to beta: 1 to 2000, and when there is a file `go` the rest up to 4000.
  void run_in_two_halves() {
    auto source =
        pipe("source",
             "seq 1 2000; until [ -e " + folder("go") + " ]; do sleep 0.02; done; seq 2001 4000",
             "alpha", graph::Unit::kStream);
    source.rerun = true;
    run(graph_of({source, archive("sink", folder("all"), "beta")}, {{0, 1}}));
  }

  static graph::PipelineSpec graph_of(std::vector<graph::NodeSpec> nodes,
                                      std::vector<graph::EdgeSpec> edges) {
    graph::PipelineSpec spec;
    spec.name = "p";
    spec.nodes = std::move(nodes);
    spec.edges = std::move(edges);
    return spec;
  }

  uint64_t records_in(const std::string& node) {
    for (const auto& one : cluster_.status().nodes) {
      if (one.name == node) return one.instances.at(0).status.records_in;
    }
    return 0;
  }

  std::string folder(const std::string& name) const { return cluster_.folder() + "/" + name; }

  Cluster cluster_{{.real_wrappers = true, .addresses = true}};
};

// numgen ; filter2 ; (printer2 || (filter3 ; printer6))
TEST_F(ClusterTest, FramesOverTwoAgentsAreComplete) {
  cluster_.start({"alpha", "beta"});
  run(graph_of({frames("numgen", "numbers 50000", "alpha"), frames("filter2", "filter 2", "beta"),
                archive("printer2", folder("two"), "alpha"), frames("filter3", "filter 3", "alpha"),
                archive("printer6", folder("six"), "beta")},
               {{0, 1}, {1, 2}, {1, 3}, {3, 4}}));
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kCompleted));
  expect_same(archived(folder("two")), multiples(2, 50000));
  expect_same(archived(folder("six")), multiples(6, 50000));
  // What is completed is taken down, and its figures stay.
  ASSERT_TRUE(cluster_.wait("no wrapper is left", [&] {
    const auto nodes = cluster_.status().nodes;
    return std::all_of(nodes.begin(), nodes.end(),
                       [](const auto& node) { return node.instances.at(0).status.pid == 0; });
  }));
  for (const auto& node : cluster_.status().nodes) {
    EXPECT_EQ(node.instances.at(0).status.state, InstanceState::kEnded) << node.name;
  }
  EXPECT_EQ(records_in("printer6"), 50000u / 6);
}

TEST_F(ClusterTest, FramesOverThreeAgentsAreCompleteThroughKills) {
  cluster_.start({"alpha", "beta", "gamma"});
  auto numgen = pipe("numgen", "seq 1 60000", "alpha", graph::Unit::kStream);
  numgen.durability = graph::Durability::kDisk;
  numgen.rerun = true;
  run(graph_of(
      {numgen, frames("filter2", "filter 2", "beta"), archive("printer2", folder("two"), "gamma"),
       frames("filter3", "filter 3", "gamma"), archive("printer6", folder("six"), "beta")},
      {{0, 1}, {1, 2}, {1, 3}, {3, 4}}));
  std::mt19937 random(7);
  const std::vector<std::string> nodes{"numgen", "filter2", "printer2", "filter3", "printer6"};
  const std::vector<std::string> others{"alpha", "beta", "gamma", "broker"};
  for (int round = 0; round < 8; ++round) {
    if (cluster_.status().state == PipelineState::kCompleted) break;
    cluster_.kill_wrapper(nodes[random() % nodes.size()]);
    const std::string& other = others[random() % others.size()];
    cluster_.kill(other);
    other == "broker" ? cluster_.start_broker() : cluster_.start_agent(other);
    const uint64_t before = records_in("printer2");
    cluster_.wait("records flow again", [&] {
      return records_in("printer2") != before ||
             cluster_.status().state == PipelineState::kCompleted;
    });
  }
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kCompleted));
  expect_same(archived(folder("two")), multiples(2, 60000));
  expect_same(archived(folder("six")), multiples(6, 60000));
}

TEST_F(ClusterTest, WithoutTheBrokerARestartedWrapperIsFoundByItsRemoteNeighbours) {
  cluster_.start({"alpha", "beta"});
  run_in_two_halves();
  ASSERT_TRUE(cluster_.wait("records flow", [&] { return records_in("sink") > 0; }));
  const int64_t pid = cluster_.status().nodes.at(1).instances.at(0).status.pid;
  cluster_.kill("broker");
  ASSERT_EQ(::kill(static_cast<pid_t>(pid), SIGKILL), 0);
  std::ofstream(folder("go")) << "now";
  ASSERT_TRUE(cluster_.wait("all of it arrives without the broker",
                            [&] { return archived(folder("all")).ends_with("\n4000\n"); }));
  cluster_.start_broker();
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kCompleted));
  expect_same(archived(folder("all")), multiples(1, 4000));
}

TEST_F(ClusterTest, AReaderThatDoesNotAnswerIsReportedUntilItDoes) {
  cluster_.start({"alpha", "beta"});
  run_in_two_halves();
  ASSERT_TRUE(cluster_.wait("records flow", [&] { return records_in("sink") > 0; }));
  const auto pid = static_cast<pid_t>(cluster_.status().nodes.at(1).instances.at(0).status.pid);
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  const std::string log = cluster_.layout("alpha").wrapper_log({"p", "source", 0, 0});
  const bool said = cluster_.wait("the source's wrapper says it", [&] {
    std::ostringstream text;
    text << std::ifstream(log).rdbuf();
    return text.str().find("reader sink.0 does not answer: connects anew") != std::string::npos;
  });
  ASSERT_EQ(::kill(pid, SIGCONT), 0);
  ASSERT_TRUE(said);
  std::ofstream(folder("go")) << "now";
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kCompleted));
  expect_same(archived(folder("all")), multiples(1, 4000));
}

TEST_F(ClusterTest, WhenMemoryIsShortTheKernelIsToKillProgramsFirst) {
  const auto value_of = [](pid_t pid) {
    int value = 1;
    std::ifstream("/proc/" + std::to_string(pid) + "/oom_score_adj") >> value;
    return value;
  };
  cluster_.start({"alpha"});
  run(graph_of({pipe("source", "sleep 1000", "alpha", graph::Unit::kStream)}, {}));
  const auto source = [&] { return cluster_.status().nodes.at(0).instances.at(0).status; };
  ASSERT_TRUE(cluster_.wait("its program runs", [&] { return source().action_pid > 0; }));
  const int program = value_of(static_cast<pid_t>(source().action_pid));
  EXPECT_LT(value_of(static_cast<pid_t>(source().pid)), program) << "its wrapper";
  EXPECT_LT(value_of(cluster_.pid("alpha")), program);
  EXPECT_LT(value_of(cluster_.pid("broker")), program);
  // Only with CAP_SYS_RESOURCE, and where nobody has chosen another value.
  const bool allowed = std::system("echo -500 2>/dev/null > /proc/self/oom_score_adj") == 0;
  const int own = value_of(::getpid());
  const int spared = allowed && own == 0 ? -500 : own;
  EXPECT_EQ(value_of(cluster_.pid("alpha")), spared);
  EXPECT_EQ(value_of(cluster_.pid("broker")), spared);
}

TEST_F(ClusterTest, RunAfterAStopGoesOnWhereItWas) {
  cluster_.start({"alpha", "beta"});
  auto source = pipe("source", "seq $((WEIR_POSITION + 1)) 100000", "alpha", graph::Unit::kStream);
  source.durability = graph::Durability::kDisk;
  run(graph_of({source, pipe("middle", "cat", "beta"), archive("sink", folder("all"), "alpha")},
               {{0, 1}, {1, 2}}));
  ASSERT_TRUE(cluster_.wait("records flow", [&] { return records_in("sink") > 0; }));
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(cluster_.ok(wire::PipelineStop{"p"}));
    ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kStopped));
    EXPECT_TRUE(cluster_.ok(wire::PipelineRun{"p", {}, {}}));
  }
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kCompleted));
  expect_same(archived(folder("all")), multiples(1, 100000));
}

TEST_F(ClusterTest, StopEndLetsAnEndlessPipelineComplete) {
  cluster_.start({"alpha", "beta"});
  run(graph_of({pipe("source", "i=0; while :; do i=$((i + 1)); echo $i; done", "alpha",
                     graph::Unit::kStream),
                archive("sink", folder("all"), "beta")},
               {{0, 1}}));
  ASSERT_TRUE(cluster_.wait("records flow", [&] { return records_in("sink") > 1000; }));
  EXPECT_TRUE(cluster_.ok(wire::PipelineStop{"p", true}));
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kCompleted));
  const std::string got = archived(folder("all"));
  const long count = std::count(got.begin(), got.end(), '\n');
  EXPECT_GT(count, 1000);
  expect_same(got, multiples(1, count));
}

TEST_F(ClusterTest, AGraphOfTwoHundredNodesCompletes) {
  constexpr uint32_t kBranches = 198;
  cluster_.start({"alpha", "beta"});
  auto source = pipe("source", "seq 1 10", "", graph::Unit::kStream);
  source.rerun = true;
  graph::PipelineSpec spec = graph_of({source}, {});
  for (uint32_t i = 1; i <= kBranches; ++i) {
    spec.nodes.push_back(pipe("branch" + std::to_string(i), "cat"));
    spec.edges.push_back({0, i});
  }
  spec.nodes.push_back(archive("sink", folder("all"), "alpha"));
  for (uint32_t i = 1; i <= kBranches; ++i) spec.edges.push_back({i, kBranches + 1});
  std::sort(spec.edges.begin(), spec.edges.end());
  run(spec);
  ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kCompleted));
  std::istringstream got(archived(folder("all")));
  std::map<std::string, uint32_t> counts;
  for (std::string line; std::getline(got, line);) ++counts[line];
  EXPECT_EQ(counts.size(), 10u);
  for (const auto& [line, count] : counts) EXPECT_EQ(count, kBranches) << line;
}

TEST(Cluster, FiftyPipelinesStartedAndStoppedInRandomOrder) {
  constexpr int kPipelines = 50;
  Cluster cluster;
  cluster.start({"alpha", "beta"});
  const auto name = [](int i) { return "p" + std::to_string(i); };
  for (int i = 0; i < kPipelines; ++i) {
    auto spec = Cluster::chain({{"src", "seq 1 10"}, {"out", "wc -l"}});
    spec.name = name(i);
    ASSERT_TRUE(cluster.ok(wire::PipelinePut{spec}));
  }
  std::mt19937 random(11);
  std::map<int, bool> wanted;
  for (int step = 0; step < 4 * kPipelines; ++step) {
    const int which = static_cast<int>(random() % kPipelines);
    wanted[which] = !wanted[which];
    const wire::Message order = wanted[which]
                                    ? wire::Message(wire::PipelineRun{name(which), {}, {}})
                                    : wire::Message(wire::PipelineStop{name(which)});
    ASSERT_TRUE(cluster.ok(order));
  }
  for (int i = 0; i < kPipelines; ++i) {
    if (!wanted.contains(i)) continue;
    ASSERT_TRUE(cluster.wait_for_state(
        wanted[i] ? PipelineState::kRunning : PipelineState::kStopped, name(i)));
  }
  for (const auto& [i, runs] : wanted) ASSERT_TRUE(cluster.ok(wire::PipelineStop{name(i)}));
  for (const auto& [i, runs] : wanted) {
    ASSERT_TRUE(cluster.wait_for_state(PipelineState::kStopped, name(i)));
  }
  const auto answer = cluster.ask(wire::BrokerStatusRequest{});
  for (const auto& agent : std::get<wire::BrokerStatus>(answer).agents) {
    EXPECT_EQ(agent.instances, 0u) << agent.name;
  }
}

// R10: what it does not know runs on; when it is told of it again, it takes a higher term.
TEST_F(ClusterTest, ABrokerRestoredFromAnOldCopyTakesAHigherTerm) {
  cluster_.start({"alpha", "beta"});
  const auto pipeline = [&](const std::string& name) {
    auto source =
        pipe("source", "seq $((WEIR_POSITION + 1)) 100000", "alpha", graph::Unit::kStream);
    source.durability = graph::Durability::kDisk;
    auto spec = graph_of({source, archive("sink", folder(name), "beta")}, {{0, 1}});
    spec.name = name;
    return spec;
  };
  run(pipeline("p"));
  ASSERT_TRUE(cluster_.wait("records flow", [&] { return records_in("sink") > 0; }));
  cluster_.kill("broker");
  fs::copy(folder("broker-data"), folder("old-copy"), fs::copy_options::recursive);
  cluster_.start_broker();
  cluster_.wait_for_agents(2);
  run(pipeline("q"));
  ASSERT_TRUE(cluster_.wait("q writes too", [&] { return !archived(folder("q")).empty(); }));
  cluster_.kill("broker");
  fs::remove_all(folder("broker-data"));
  fs::rename(folder("old-copy"), folder("broker-data"));
  cluster_.start_broker();
  cluster_.wait_for_agents(2);
  EXPECT_TRUE(
      std::holds_alternative<wire::Refusal>(cluster_.ask(wire::PipelineStatusRequest{"q"})));
  run(pipeline("q"));
  for (const std::string name : {"p", "q"}) {
    ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kCompleted, name));
    expect_same(archived(folder(name)), multiples(1, 100000));
  }
  EXPECT_EQ(cluster_.status("q").nodes.at(0).instances.at(0).status.term, 2u);
}

}  // namespace
}  // namespace weir::e2e
