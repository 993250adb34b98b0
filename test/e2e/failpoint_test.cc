// Broker and agent die at each of their steps in turn, in the middle of `put`, `run` and `stop`:
// the request that is asked again is done once, and all comes to where it was wanted.
#include <gtest/gtest.h>

#include "test/e2e/control_cluster.h"

namespace weir::e2e {
namespace {

using wire::PipelineState;

const std::vector<std::pair<std::string, std::string>> kTwo{{"src", "seq 1 10"}, {"out", "wc -l"}};
// More than any of these requests takes; where fewer are passed, nothing dies and that is the end.
constexpr int kHitsMax = 8;

// Each gets a failpoint and the number of the pass at which it kills. Whether it was passed so
// often.
using Scenario = bool (*)(const std::string& process, const std::string& failpoint);

void start(Cluster& cluster) {
  cluster.start_broker();
  cluster.start_agent("alpha");
  cluster.wait("the agent is there", [&] {
    const auto answer = cluster.ask(wire::BrokerStatusRequest{});
    const auto* status = std::get_if<wire::BrokerStatus>(&answer);
    return status != nullptr && status->agents.size() == 1;
  });
}

// Starts the process anew, with the failpoint armed, and waits until it is at work.
void restart_armed(Cluster& cluster, const std::string& process, const std::string& failpoint) {
  cluster.kill(process);
  cluster.arm(process, failpoint);
  process == "broker" ? cluster.start_broker() : cluster.start_agent(process);
}

// Until the state is reached, whatever dies on the way.
void reach(Cluster& cluster, PipelineState state) {
  cluster.wait("state " + std::string(wire::to_string(state)), [&] {
    cluster.revive();
    return cluster.status().state == state;
  });
}

bool run_and_die(const std::string& process, const std::string& failpoint) {
  Cluster cluster;
  start(cluster);
  restart_armed(cluster, process, failpoint);
  EXPECT_TRUE(cluster.ok(wire::PipelinePut{Cluster::chain(kTwo)}));
  EXPECT_TRUE(cluster.ok(wire::PipelineRun{"p", {}, {}}));
  reach(cluster, PipelineState::kRunning);
  for (const auto& [node, command] : kTwo) {
    EXPECT_TRUE(cluster.lines("alpha", node, "conflicts").empty()) << node << " at " << failpoint;
  }
  return cluster.revived() > 0;
}

bool stop_and_die(const std::string& process, const std::string& failpoint) {
  Cluster cluster;
  start(cluster);
  cluster.put_and_run(kTwo);
  cluster.wait_for_state(PipelineState::kRunning);
  restart_armed(cluster, process, failpoint);
  EXPECT_TRUE(cluster.ok(wire::PipelineStop{"p"}));
  reach(cluster, PipelineState::kStopped);
  // And removed, likewise.
  EXPECT_TRUE(cluster.ok(wire::PipelineRemove{"p", true}));
  cluster.wait("it is gone", [&] {
    cluster.revive();
    const auto answer = cluster.ask(wire::PipelineStatusRequest{"p"});
    return std::holds_alternative<wire::Refusal>(answer);
  });
  return cluster.revived() > 0;
}

void at_each_step(Scenario scenario, const std::string& process,
                  const std::vector<std::string>& failpoints) {
  for (const std::string& failpoint : failpoints) {
    int deaths = 0;
    for (int hit = 1; hit <= kHitsMax && !::testing::Test::HasFailure(); ++hit) {
      if (!scenario(process, failpoint + ":" + std::to_string(hit))) break;
      ++deaths;
    }
    EXPECT_GT(deaths, 0) << failpoint << " is never passed";
  }
}

TEST(Failpoints, TheBrokerDiesWhileAPipelineIsPutAndRun) {
  at_each_step(run_and_die, "broker", {"broker.decided", "broker.written", "broker.sent"});
}

TEST(Failpoints, TheBrokerDiesWhileAPipelineIsStoppedAndRemoved) {
  at_each_step(stop_and_die, "broker", {"broker.decided", "broker.written", "broker.sent"});
}

TEST(Failpoints, TheAgentDiesWhileAPipelineIsRun) {
  at_each_step(run_and_die, "alpha", {"agent.reported", "agent.order_stored", "agent.launched"});
}

TEST(Failpoints, TheAgentDiesWhileAPipelineIsStoppedAndRemoved) {
  at_each_step(stop_and_die, "alpha", {"agent.reported", "agent.order_removed"});
}

}  // namespace
}  // namespace weir::e2e
