// Hosts that are lost, and come back: what is placed elsewhere, drained, fenced out or left alone
// (R4, R5, R10). A ledger counts what arrives: nothing may be lost, and repeats are told apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

#include "test/e2e/support/cluster.h"
#include "test/e2e/support/ledger.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using wire::InstanceState;
using wire::PipelineState;

constexpr long kRecords = 60'000;

graph::NodeSpec node(const std::string& name, const std::string& run,
                     std::vector<std::string> hosts, graph::Unit unit = graph::Unit::kBatch) {
  graph::NodeSpec node;
  node.name = name;
  node.run = run;
  node.unit = unit;
  node.hosts = std::move(hosts);
  node.retries = 1000;
  node.backoff_first = node.backoff_max = milliseconds(20);
  return node;
}

// Numbers in order, slow enough for a loss in the middle.
// It hurries once there is the file `hurry`.
graph::NodeSpec source(std::vector<std::string> hosts, const std::string& pause,
                       const std::string& hurry) {
  graph::NodeSpec result =
      node("source",
           "n=" + std::to_string(kRecords) +
               "; i=$((${WEIR_POSITION:-0} + 1)); while [ $i -le $n ]; do j=$((i + 499)); "
               "[ $j -le $n ] || j=$n; seq $i $j; i=$((j + 1)); [ -e " +
               hurry + " ] || sleep " + pause + "; done",
           std::move(hosts), graph::Unit::kStream);
  result.durability = graph::Durability::kDisk;
  return result;
}

// Keeps each unit as a file in `folder`, exactly once.
graph::NodeSpec archive(const std::string& folder, std::vector<std::string> hosts) {
  graph::NodeSpec result =
      node("sink",
           "mkdir -p " + folder + " && cat > " + folder + "/.$WEIR_UNIT && mv " + folder +
               "/.$WEIR_UNIT " + folder + "/$WEIR_UNIT",
           std::move(hosts));
  result.durability = graph::Durability::kDisk;
  result.max_records = 500;
  return result;
}

class Recovery : public ::testing::Test {
 protected:
  // source ; middle ; sink
  void run(std::vector<std::string> source_hosts, std::vector<std::string> middle_hosts,
           std::vector<std::string> sink_hosts) {
    graph::PipelineSpec spec;
    spec.name = "p";
    spec.nodes = {source(std::move(source_hosts), pause_, hurry()),
                  node("middle", "cat", std::move(middle_hosts)),
                  archive(folder(), std::move(sink_hosts))};
    spec.edges = {{0, 1}, {1, 2}};
    if (portable_) {
      spec.nodes[0].portable = true;
      spec.nodes[0].run = "echo $WEIR_POSITION >> " + begins() + "; " + spec.nodes[0].run;
    }
    ASSERT_TRUE(cluster_.ok(wire::PipelinePut{spec}));
    ASSERT_TRUE(cluster_.ok(wire::PipelineRun{"p", {}, {}}));
    ASSERT_TRUE(cluster_.wait("records flow", [&] { return units() > 5; }));
  }

  std::string folder() const { return cluster_.folder() + "/out"; }
  std::string hurry() const { return cluster_.folder() + "/hurry"; }
  // Where a portable source began, each time.
  std::string begins() const { return cluster_.folder() + "/begins"; }
  std::vector<long> positions() const {
    std::ifstream stream(begins());
    return {std::istream_iterator<long>(stream), {}};
  }
  long units() const {
    std::error_code none;
    return std::distance(fs::directory_iterator(folder(), none), {});
  }
  wire::InstanceReport instance(size_t index) {
    return cluster_.status().nodes.at(index).instances.at(0);
  }

  bool wait_until_at(size_t index, const std::string& agent) {
    return cluster_.wait("node " + std::to_string(index) + " is on " + agent,
                         [&] { return instance(index).agent == agent; });
  }

  // Until the node is on gamma and something new arrives; prints how long it took from the loss on.
  bool wait_for_records(const std::string& what, size_t index) {
    const auto begin = std::chrono::steady_clock::now();
    if (!wait_until_at(index, "gamma")) return false;
    const long before = units();
    const bool came = cluster_.wait("records flow again", [&] { return units() > before + 2; });
    const auto took = std::chrono::steady_clock::now() - begin;
    std::printf("%s: records flow again after %.1f s\n", what.c_str(),
                std::chrono::duration<double>(took).count());
    return came;
  }

  Ledger counted() {
    std::vector<long> written(kRecords);
    std::iota(written.begin(), written.end(), 1);
    return ledger_of(folder(), written);
  }

  void expect_all(bool exactly_once) {
    ASSERT_TRUE(cluster_.wait_for_state(PipelineState::kCompleted));
    const Ledger ledger = counted();
    std::printf("lost %ld, repeated %ld\n", ledger.lost, ledger.repeated);
    EXPECT_EQ(ledger.lost, 0);
    EXPECT_EQ(ledger.foreign, 0);
    if (exactly_once) {
      EXPECT_EQ(ledger.repeated, 0);
    }
  }

  bool portable_ = false;       // The source.
  std::string pause_ = "0.03";  // Of the source, in seconds, for each 500 records.
  Cluster cluster_{{.real_wrappers = true, .addresses = true}};
};

TEST_F(Recovery, R4NothingIsLostWithTheHostOfAnInnerNode) {
  cluster_.start({"alpha", "beta", "gamma"});
  run({"alpha"}, {"beta", "gamma"}, {"alpha"});
  cluster_.signal_host("beta", SIGKILL);
  fs::remove_all(cluster_.layout("beta").data_dir);
  ASSERT_TRUE(wait_for_records("an inner node", 1));
  EXPECT_GT(instance(1).status.term, 1u);
  expect_all(false);
}

TEST_F(Recovery, R4NothingIsLostWithTheHostOfASink) {
  cluster_.start({"alpha", "beta", "gamma"});
  run({"alpha"}, {"alpha"}, {"beta", "gamma"});
  cluster_.signal_host("beta", SIGKILL);
  fs::remove_all(cluster_.layout("beta").data_dir);
  ASSERT_TRUE(wait_for_records("a sink", 2));
  expect_all(false);
}

TEST_F(Recovery, R5ALostSourceIsDrainedWhenItsHostIsBack) {
  cluster_.start({"alpha", "beta", "gamma"});
  run({"alpha", "gamma"}, {"beta"}, {"beta"});
  cluster_.signal_host("alpha", SIGKILL);
  ASSERT_TRUE(wait_for_records("a source", 0));
  ASSERT_TRUE(cluster_.wait("the new source has ended",
                            [&] { return instance(0).status.state == InstanceState::kEnded; }));
  const auto status = cluster_.status();
  EXPECT_EQ(status.state, PipelineState::kDegraded) << status.reason;
  EXPECT_THAT(status.reason, HasSubstr("waits for alpha"));
  cluster_.start_agent("alpha");
  // The source on gamma began anew (it cannot know where the other one was), so there are repeats.
  expect_all(false);
}

TEST_F(Recovery, R5AnAbandonedLogIsWaitedForNoMore) {
  cluster_.start({"alpha", "beta", "gamma"});
  run({"alpha", "gamma"}, {"beta"}, {"beta"});
  cluster_.signal_host("alpha", SIGKILL);
  ASSERT_TRUE(cluster_.wait("the pipeline waits for alpha", [&] {
    return cluster_.status().reason.find("waits for alpha") != std::string::npos;
  }));
  EXPECT_TRUE(cluster_.ok(wire::PipelineAbandon{"p"}));
  expect_all(false);
  cluster_.start_agent("alpha");
  EXPECT_TRUE(cluster_.wait("what comes back is stopped",
                            [&] { return cluster_.wrappers_of("alpha").empty(); }));
}

TEST_F(Recovery, R5APortableSourceGoesOnElsewhereAndNobodyIsWaitedFor) {
  portable_ = true;
  cluster_.start({"alpha", "beta", "gamma"});
  run({"alpha", "gamma"}, {"beta"}, {"beta"});
  ASSERT_TRUE(cluster_.wait("something is settled",
                            [&] { return !instance(0).status.settled_position.none(); }));
  cluster_.signal_host("alpha", SIGKILL);
  fs::remove_all(cluster_.layout("alpha").data_dir);
  ASSERT_TRUE(wait_for_records("a portable source", 0));
  EXPECT_NE(cluster_.status().state, PipelineState::kDegraded) << cluster_.status().reason;
  expect_all(false);  // alpha never comes back.
  ASSERT_EQ(positions().size(), 2u);
  EXPECT_EQ(positions()[0], 0);
  EXPECT_GT(positions()[1], 0);
  const long first = counted().first_repeated;
  EXPECT_TRUE(first == 0 || first > positions()[1]) << first << ", began at " << positions()[1];
}

TEST_F(Recovery, R5APortableSourceWhoseHostComesBackIsStoppedThere) {
  portable_ = true;
  cluster_.start({"alpha", "beta", "gamma"});
  run({"alpha", "gamma"}, {"beta"}, {"beta"});
  cluster_.signal_host("alpha", SIGSTOP);
  ASSERT_TRUE(wait_for_records("a portable source whose host hangs", 0));
  cluster_.signal_host("alpha", SIGCONT);
  EXPECT_TRUE(
      cluster_.wait("the old wrapper goes", [&] { return cluster_.wrappers_of("alpha").empty(); }));
  expect_all(false);
  EXPECT_EQ(instance(0).agent, "gamma");
}

TEST_F(Recovery, R10ARestartedAgentMovesNothing) {
  cluster_.start({"alpha", "beta", "gamma"});
  pause_ = "0.2";
  run({"alpha", "gamma"}, {"beta", "gamma"}, {"beta", "gamma"});
  for (const char* agent : {"alpha", "beta"}) {
    cluster_.kill(agent);
    ASSERT_TRUE(cluster_.wait("it is missed", [&] {
      const InstanceState state = instance(agent == std::string("alpha") ? 0 : 1).status.state;
      return state == InstanceState::kUnmanaged;
    }));
    // Twice as long as it takes to lose one.
    const auto end = std::chrono::steady_clock::now() + milliseconds(3000);
    ASSERT_TRUE(cluster_.wait("some time passes", [&] {
      return std::chrono::steady_clock::now() >= end ||
             cluster_.status().state == PipelineState::kCompleted;
    }));
    cluster_.start_agent(agent);
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(instance(i).status.term, 1u) << i;
  cluster_.scene().write("hurry", "");
  expect_all(true);
}

// Stopped for longer than the timeouts, and then goes on, as if nothing had happened: a zombie.
TEST_F(Recovery, R2AnInstanceThatWasReplacedIsFencedOut) {
  cluster_.start({"alpha", "beta", "gamma"});
  run({"alpha"}, {"beta", "gamma"}, {"alpha"});
  cluster_.signal_host("beta", SIGSTOP);
  ASSERT_TRUE(wait_for_records("a stopped host", 1));
  cluster_.signal_host("beta", SIGCONT);
  EXPECT_TRUE(
      cluster_.wait("the old wrapper goes", [&] { return cluster_.wrappers_of("beta").empty(); }));
  expect_all(false);
  EXPECT_EQ(instance(1).agent, "gamma");
}

TEST_F(Recovery, WithoutAnotherHostItWaitsAndGoesOnWhereItWas) {
  cluster_.start({"alpha", "beta"});
  run({"alpha"}, {"beta"}, {"alpha"});
  cluster_.signal_host("beta", SIGKILL);
  ASSERT_TRUE(cluster_.wait("it is lost",
                            [&] { return instance(1).status.state == InstanceState::kLost; }));
  EXPECT_EQ(cluster_.status().state, PipelineState::kDegraded);
  EXPECT_THAT(cluster_.status().reason, HasSubstr("middle: its agent beta is lost"));
  cluster_.start_agent("beta");
  expect_all(true);  // Its log is still there.
  EXPECT_EQ(instance(1).status.term, 1u);
}

TEST_F(Recovery, R4AllAgentsAndTheBrokerAreKilledAtOnceAndNothingIsLost) {
  cluster_.start({"alpha", "beta", "gamma"});
  run({"alpha"}, {"beta"}, {"gamma"});
  for (const char* agent : {"alpha", "beta", "gamma"}) cluster_.signal_host(agent, SIGKILL);
  cluster_.kill("broker");
  cluster_.start_broker();
  for (const char* agent : {"alpha", "beta", "gamma"}) cluster_.start_agent(agent);
  expect_all(true);
}

}  // namespace
}  // namespace weir::e2e
