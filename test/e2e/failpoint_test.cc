// Broker and agent die at each of their steps in turn, in the middle of `put`, `run` and `stop`:
// the request that is asked again is done once, and all comes to where it was wanted.
#include <gtest/gtest.h>

#include "test/e2e/support/cluster.h"

namespace weir::e2e {
namespace {

using wire::PipelineState;

const std::vector<std::pair<std::string, std::string>> kTwo{{"src", "seq 1 10"}, {"out", "wc -l"}};
// No request passes a failpoint more often; where one passes it less often, nothing dies and that
// is the end.
constexpr int kHitsMax = 8;
// The first passes are tried each time, all of them in the long tests.
constexpr int kHitsShort = 2;

// Each gets a failpoint and the number of the pass at which it kills. Whether it was passed so
// often.
using Scenario = bool (*)(const std::string& process, const std::string& failpoint);

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
  cluster.start({"alpha"});
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
  cluster.start({"alpha"});
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
                  const std::vector<std::string>& failpoints, int hits) {
  for (const std::string& failpoint : failpoints) {
    int deaths = 0;
    for (int hit = 1; hit <= hits && !::testing::Test::HasFailure(); ++hit) {
      if (!scenario(process, failpoint + ":" + std::to_string(hit))) break;
      ++deaths;
    }
    EXPECT_GT(deaths, 0) << failpoint << " is never passed";
  }
}

const std::vector<std::string> kOfBroker{"broker.decided", "broker.written", "broker.sent"};
const std::vector<std::string> kOfStart{"agent.reported", "agent.order_stored", "agent.launched"};
const std::vector<std::string> kOfStop{"agent.reported", "agent.order_removed"};

TEST(Failpoints, TheBrokerDiesWhileAPipelineIsPutAndRun) {
  at_each_step(run_and_die, "broker", kOfBroker, kHitsShort);
}

TEST(Failpoints, TheBrokerDiesWhileAPipelineIsStoppedAndRemoved) {
  at_each_step(stop_and_die, "broker", kOfBroker, kHitsShort);
}

TEST(Failpoints, TheAgentDiesWhileAPipelineIsRun) {
  at_each_step(run_and_die, "alpha", kOfStart, kHitsShort);
}

TEST(Failpoints, TheAgentDiesWhileAPipelineIsStoppedAndRemoved) {
  at_each_step(stop_and_die, "alpha", kOfStop, kHitsShort);
}

TEST(FailpointsLong, BrokerAndAgentDieAtEachPass) {
  at_each_step(run_and_die, "broker", kOfBroker, kHitsMax);
  at_each_step(stop_and_die, "broker", kOfBroker, kHitsMax);
  at_each_step(run_and_die, "alpha", kOfStart, kHitsMax);
  at_each_step(stop_and_die, "alpha", kOfStop, kHitsMax);
}

}  // namespace
}  // namespace weir::e2e
