// All state machines together, in one simulated cluster: see test/sim/cluster/cluster.h. What must
// hold is in checker.h.
#include "test/sim/cluster/cluster.h"
#include "schema/base/log.h"
#include "test/sim/seed_runner.h"
#include "test/sim/seeds.h"

namespace weir::sim {
namespace {

using graph::Protocol;
using graph::Unit;

graph::NodeSpec spec(std::string name, Unit unit) {
  graph::NodeSpec node;
  node.name = std::move(name);
  node.run = "simulated";
  node.unit = unit;
  node.retries = 1'000'000;
  node.backoff_max = milliseconds(200);
  node.max_records = 7;
  return node;
}

enum class Graphs { kAny, kWithHead, kLongChain };

ClusterPlan draw_plan(uint64_t seed, Graphs graphs = Graphs::kAny) {
  std::mt19937_64 random(seed * 0x2545f4914f6cdd1d);
  const auto pick = [&](uint64_t below) { return random() % below; };
  constexpr Unit kUnits[] = {Unit::kBatch, Unit::kRecord, Unit::kStream, Unit::kBatch};
  ClusterPlan plan;
  plan.hosts = 3 + pick(3);
  const auto source = [&](const std::string& name) {
    const bool feed = pick(2) == 0;
    NodePlan node{spec(name, Unit::kStream), feed ? Behaviour::kFeed : Behaviour::kNumbers,
                  10 + pick(50)};
    node.spec.durability = graph::Durability::kDisk;
    node.spec.portable = !feed && pick(2) == 0;
    node.spec.rerun = node.spec.portable && pick(4) == 0;
    node.pace = milliseconds(pick(400));
    return node;
  };
  // Programs that go wrong by themselves now and then.
  const auto with_ills = [&](NodePlan node) {
    if (pick(4) != 0) return node;
    node.ills.mishaps = {Mishap::kExit1, Mishap::kExit75, Mishap::kSignal};
    node.ills.mishap_per_thousand = 100;
    return node;
  };
  const auto inner = [&](const std::string& name) {
    NodePlan node{spec(name, kUnits[pick(4)]), pick(3) == 0 ? Behaviour::kEven : Behaviour::kCat};
    if (pick(4) == 0) {
      node.spec.protocol = pick(2) == 0 ? Protocol::kLines : Protocol::kFrames;
      node.spec.in_flight = 4;
      return node;
    }
    return with_ills(node);
  };
  const auto sink = [&](const std::string& name) {
    return with_ills({spec(name, kUnits[pick(2)]), Behaviour::kFile});
  };
  // It has enough long before the others.
  const auto head = [&] {
    return NodePlan{spec("head", Unit::kStream), Behaviour::kHead, 1 + pick(8)};
  };
  if (graphs == Graphs::kLongChain) {
    plan.nodes = {source("source"), inner("inner"), inner("next"), sink("sink")};
    plan.edges = {{0, 1}, {1, 2}, {2, 3}};
    return plan;
  }
  switch (graphs == Graphs::kWithHead ? 4 + pick(3) : pick(4)) {
    case 4:
      plan.nodes = {source("source"), head(), sink("sink")};
      plan.edges = {{0, 1}, {1, 2}};
      break;
    case 5:
    case 6:
      plan.nodes = {source("source"), head(), sink("sink"), inner("inner"), sink("other")};
      plan.edges = {{0, 1}, {1, 2}, {0, 3}, {3, 4}};
      break;
    case 0:
    case 1:
      plan.nodes = {source("source"), inner("inner"), sink("sink")};
      plan.edges = {{0, 1}, {1, 2}};
      break;
    case 2:
      plan.nodes = {source("source"), inner("left"), inner("right"), sink("sink")};
      plan.edges = {{0, 1}, {0, 2}, {1, 3}, {2, 3}};
      break;
    default:
      plan.nodes = {source("one"), source("two"), inner("join"), sink("sink"), sink("other")};
      plan.edges = {{0, 2}, {1, 2}, {2, 3}, {2, 4}};
      break;
  }
  return plan;
}

SeedOutcome run_plan(uint64_t seed, ClusterPlan plan) {
  log::init("sim", log::Level::kError);
  Cluster cluster(seed, std::move(plan));
  const bool ended = cluster.run();
  if (std::getenv("WEIR_SIM_TRACE") != nullptr) std::puts(cluster.told().c_str());
  EXPECT_TRUE(ended) << cluster.why();
  return {cluster.faults_done(), !cluster.logs_were_lost()};
}

// Each seed has some of these kinds, or all, often or seldom.
SeedOutcome run_faults(uint64_t seed, const std::vector<Fault>& kinds, ClusterPlan plan) {
  std::mt19937_64 random(seed);
  for (const Fault kind : kinds) {
    if (random() % 2 == 0) plan.faults.kinds.push_back(kind);
  }
  if (plan.faults.kinds.empty()) plan.faults.kinds = kinds;
  plan.faults.gap = milliseconds(100 + random() % 3000);
  plan.faults_for = milliseconds(2000 + random() % 25'000);
  return run_plan(seed, std::move(plan));
}

const std::vector<Fault> kProcesses = {Fault::kKillWrapper, Fault::kKillAgent,   Fault::kKillBroker,
                                       Fault::kKillAtWork,  Fault::kKillProgram, Fault::kKillGuard,
                                       Fault::kBreakEdge};
const std::vector<Fault> kWays = {Fault::kCutHost,       Fault::kCutHostOneWay, Fault::kCutPair,
                                  Fault::kCutFromBroker, Fault::kStopHost,      Fault::kStopBroker};
const std::vector<Fault> kDisks = {Fault::kPowerCut, Fault::kOldLog, Fault::kDiskShort,
                                   Fault::kDiskFull, Fault::kSlowDisk};

const std::vector<Fault> kWishes = {Fault::kStopAndRun, Fault::kEndEarly, Fault::kRemove};

std::vector<Fault> operator+(std::vector<Fault> kinds, const std::vector<Fault>& more) {
  kinds.insert(kinds.end(), more.begin(), more.end());
  return kinds;
}

void run_kinds(const SeedRun& run, const std::vector<Fault>& kinds) {
  run_seeds(run, [&](uint64_t seed) { return run_faults(seed, kinds, draw_plan(seed)); });
}

// All faults but a forgetful broker, and a user who relies on what it forgot.
std::vector<Fault> all_kinds() {
  std::vector<Fault> all;
  for (int i = 0; i < static_cast<int>(Fault::kCount); ++i) {
    if (static_cast<Fault>(i) != Fault::kOldStore) all.push_back(static_cast<Fault>(i));
  }
  return all;
}

TEST(Cluster, WithoutFaults) {
  run_seeds({100, 100}, [](uint64_t seed) { return run_plan(seed, draw_plan(seed)); });
}
TEST(Cluster, R10ProcessesDie) { run_kinds({500, 90}, kProcesses); }
TEST(Cluster, R10HostsAreCutOff) { run_kinds({500, 60}, kWays); }
TEST(Cluster, R6DisksForget) { run_kinds({500, 40}, kDisks); }
TEST(Cluster, R5AHostIsLostForEver) { run_kinds({300, 15}, {Fault::kLoseHost}); }
TEST(Cluster, R10TheBrokersStoreIsAnOlderOne) {
  run_kinds({500, 70},
            kWays + std::vector{Fault::kOldStore, Fault::kKillWrapper, Fault::kKillAgent});
}
TEST(Cluster, R10AndAHostThatKnewMoreIsLostForEver) {
  run_kinds({500, 40}, {Fault::kOldStore, Fault::kLoseHost, Fault::kCutHost, Fault::kKillWrapper});
}
TEST(Cluster, R5TheBrokersStoreIsFromBeforeTheRun) {
  const std::vector<Fault> kinds = {Fault::kOldStore, Fault::kKillBroker, Fault::kKillWrapper,
                                    Fault::kKillProgram, Fault::kBreakEdge};
  run_seeds({300, 95}, [&](uint64_t seed) {
    ClusterPlan plan = draw_plan(seed);
    plan.early_copies = true;
    return run_faults(seed, kinds, std::move(plan));
  });
}
TEST(Cluster, R8StopAndRunLoseAndRepeatNothing) {
  run_kinds({300, 90}, kProcesses + std::vector{Fault::kStopAndRun});
}
TEST(Cluster, R8SomebodyChangesHisMind) { run_kinds({500, 50}, kProcesses + kWays + kWishes); }
TEST(Cluster, R8EnoughWhateverBreaks) {
  run_seeds({500, 35}, [&](uint64_t seed) {
    return run_faults(seed, all_kinds(), draw_plan(seed, Graphs::kWithHead));
  });
}
// An inner node that reads another one may need what that one had sent already.
TEST(Cluster, R3TwoInnerNodesInARow) {
  run_seeds({500, 30}, [&](uint64_t seed) {
    return run_faults(seed, all_kinds(), draw_plan(seed, Graphs::kLongChain));
  });
}
TEST(Cluster, AllFaultsAtOnceLoseNothing) { run_kinds({1000, 35}, all_kinds()); }
TEST(Cluster, SeedsThatFoundABug) {
  for (const uint64_t seed : kClusterSeeds) run_faults(seed, all_kinds(), draw_plan(seed));
}

}  // namespace
}  // namespace weir::sim
