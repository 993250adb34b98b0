// Failing programs in simulation: R9, R11 and R12 together with the faults of delivery_test.cc.
//
// What every world is checked for: each poison record is a dead letter exactly once, nothing else
// is one, all others arrive exactly once and in order (gentle faults; at least once where logs were
// lost), no program is stopped that does nothing wrong, and everything ends.
#include <algorithm>

#include "test/sim/seed_runner.h"
#include "test/sim/world_runner.h"

namespace weir::sim {
namespace {

using graph::Protocol;
using graph::Unit;
using std::chrono::milliseconds;

constexpr uint64_t kCount = 60;

struct Case {
  Plan plan;
  bool ordered = true;
};

// Draws a world from a seed.
class Maker {
 public:
  Maker(uint64_t seed, bool logs_get_lost)
      : random_(seed * 0x9e3779b97f4a7c15), logs_get_lost_(logs_get_lost) {}

  Case make() {
    hangs_ = chance(4);
    long_outage_ = chance(2);
    const bool frames = chance(5);
    Case test;
    std::vector<NodePlan>& nodes = test.plan.nodes;
    nodes.push_back(source(frames));
    switch (pick(4)) {
      case 0:
        nodes.push_back(ill("first"));
        test.plan.edges = {{0, 1}};
        break;
      case 1:
        nodes.push_back(ill("first"));
        nodes.push_back(ill("second"));
        test.plan.edges = {{0, 1}, {1, 2}};
        break;
      case 2:
        nodes.push_back(ill("first"));
        nodes.push_back(ill("second"));
        nodes.push_back(ill("third"));
        test.plan.edges = {{0, 1}, {1, 2}, {1, 3}};
        break;
      default:
        nodes.push_back(ill("left"));
        nodes.push_back(well("right"));
        nodes.push_back(ill("join"));
        nodes.back().spec.max_dead = 25;  // Each poison record comes twice.
        test.plan.edges = {{0, 1}, {0, 2}, {1, 3}, {2, 3}};
        test.ordered = false;
        break;
    }
    if (chance(6)) test.plan.log_limit_bytes = 16 << 10;
    nodes[0].ills.waits = long_outage_;
    return test;
  }

  // One node that has dead letters, and one that only passes on.
  Case make_retries() {
    hangs_ = chance(4);
    Case test;
    test.plan.nodes.push_back(source(chance(5)));
    test.plan.nodes.push_back(ill("first"));
    NodePlan& first = test.plan.nodes.back();
    if (first.ills.poison.empty() && first.spec.unit != Unit::kStream) {
      poison(first, first.spec.protocol != Protocol::kPipe);
    }
    test.plan.edges = {{0, 1}};
    if (chance(2)) {
      test.plan.nodes.push_back(well("second"));
      test.plan.edges.emplace_back(1, 2);
    }
    test.plan.operator_acts = static_cast<int>(5 + pick(60));
    test.plan.drops = chance(2);
    if (chance(3)) test.plan.log_limit_bytes = 16 << 10;
    if (!chance(3)) test.plan.cured_at = pick(1500);
    return test;
  }

 private:
  uint64_t pick(uint64_t below) { return random_() % below; }
  bool chance(uint64_t one_in) { return pick(one_in) == 0; }

  NodePlan source(bool frames) {
    NodePlan plan;
    plan.spec.name = "numbers";
    plan.spec.run = "simulated";
    plan.spec.durability = graph::Durability::kDisk;
    plan.spec.retries = 1'000'000;
    plan.spec.backoff_max = milliseconds(200);
    if (frames) plan.spec.protocol = Protocol::kFrames;
    plan.behaviour = Behaviour::kNumbers;
    plan.count = kCount;
    if (chance(3)) {
      plan.ills.mishaps = {Mishap::kExit1, Mishap::kSignal, Mishap::kExit75};
      plan.ills.mishap_per_thousand = 300;
    }
    return plan;
  }

  NodePlan well(std::string name) {
    NodePlan plan;
    graph::NodeSpec& spec = plan.spec;
    spec.name = std::move(name);
    spec.run = "simulated";
    spec.retries = static_cast<uint32_t>(2 + pick(3));
    spec.backoff_max = milliseconds(1000);
    if (long_outage_ && chance(2)) spec.backoff_first = milliseconds(10);
    // Where logs are lost, poison may come many times over.
    spec.max_dead = chance(2) ? 4 : 10;
    if (logs_get_lost_) spec.max_dead = 25;
    spec.max_records = 1 + pick(16);
    switch (pick(5)) {
      case 0:
        spec.unit = Unit::kRecord;
        break;
      case 1:
        spec.protocol = Protocol::kLines;
        break;
      case 2:
        spec.protocol = Protocol::kFrames;
        break;
      default:
        spec.unit = Unit::kBatch;
        break;
    }
    const bool replies = spec.protocol != Protocol::kPipe;
    if (replies) {
      constexpr uint32_t kWindows[] = {1, 4, 64};
      spec.in_flight = kWindows[pick(3)];
      plan.ills.chunky = chance(2);
    }
    return plan;
  }

  NodePlan ill(std::string name) {
    NodePlan plan = well(std::move(name));
    graph::NodeSpec& spec = plan.spec;
    const bool replies = spec.protocol != Protocol::kPipe;
    Ills& ills = plan.ills;
    if (hangs_) spec.stall_timeout = milliseconds(2000);
    if (chance(2)) poison(plan, replies);
    if (chance(2)) outage(plan);
    if (chance(2)) {
      ills.mishaps = {Mishap::kExit1, Mishap::kExit75, Mishap::kSignal};
      if (hangs_) ills.mishaps.push_back(Mishap::kHang);
      if (replies) ills.mishaps.insert(ills.mishaps.end(), {Mishap::kMissing, Mishap::kExtra});
      ills.mishap_per_thousand = 150;
    } else if (replies && chance(2)) {
      ills.mishaps = {Mishap::kExtra};
      ills.mishap_per_thousand = 600;
    }
    if (hangs_ && chance(4)) ills.busy = true;
    if (chance(10) && ills.poison.empty()) {
      // A stream unit is never split: it is tried until it ends well.
      spec.protocol = Protocol::kPipe;
      spec.unit = Unit::kStream;
      spec.retries = 1'000'000;
      std::erase_if(ills.mishaps, [](Mishap way) { return way >= Mishap::kMissing; });
    }
    return plan;
  }

  void poison(NodePlan& plan, bool replies) {
    Ills& ills = plan.ills;
    std::vector<Mishap> ways{Mishap::kExit1, Mishap::kSignal};
    if (hangs_) ways.push_back(Mishap::kHang);
    if (replies) ways.push_back(Mishap::kMissing);
    ills.poison_way = ways[pick(ways.size())];
    // Fewer in a row than max_dead: more of them look like an outage that never ends.
    for (uint64_t i = 1 + pick(3); i > 0; --i) {
      // Not the very last where logs are lost: a new log may get nothing else, and a node that
      // never sees a record end well fails.
      const uint64_t last = kCount - (logs_get_lost_ ? 1 : 0);
      ills.poison.insert(chance(4) ? last : 1 + pick(last));
    }
  }

  // Either a long one in the middle, behind which more records come, or one that may be the last
  // that happens. That is shorter than what the node waits before it gives up records behind which
  // nothing comes.
  void outage(NodePlan& plan) {
    Ills& ills = plan.ills;
    const uint64_t at = chance(2) ? kCount - pick(5) : 1 + pick(kCount);
    ills.outage_at = long_outage_ ? 1 + pick(kCount / 2) : at;
    ills.outage_for = milliseconds(long_outage_ ? 1000 + pick(5000) : short_outage(plan));
    std::vector<Mishap> ways{Mishap::kExit1, Mishap::kExit75, Mishap::kSignal};
    if (hangs_) ways.push_back(Mishap::kHang);
    ills.outage_way = ways[pick(ways.size())];
  }

  uint64_t short_outage(const NodePlan& plan) {
    const graph::NodeSpec& spec = plan.spec;
    // How long so many attempts wait.
    const auto waits = [&](uint32_t attempts) {
      milliseconds all(0);
      for (uint32_t i = 0; i < attempts; ++i) {
        all += std::min(spec.backoff_first * (1 << i), spec.backoff_max);
      }
      return static_cast<uint64_t>(all.count());
    };
    uint64_t most = waits(spec.retries + 1);
    // Where nothing else goes wrong, the last unit makes all its attempts first.
    if (spec.protocol == Protocol::kPipe && plan.ills.poison.empty()) most += waits(spec.retries);
    return most * (40 + pick(50)) / 100;
  }

  std::mt19937_64 random_;
  const bool logs_get_lost_;
  bool hangs_ = false;
  bool long_outage_ = false;
};

using Numbers = std::multiset<uint64_t>;

class Checker {
 public:
  Checker(const World& world, const Case& test) : world_(world), test_(test) {}

  void check() {
    std::vector<Numbers> in(test_.plan.nodes.size());
    for (size_t i = 0; i < in.size(); ++i) {
      const NodePlan& node = test_.plan.nodes[i];
      SCOPED_TRACE(node.spec.name);
      if (i == 0) {
        for (uint64_t number = 1; number <= kCount; ++number) in[0].insert(number);
      }
      const Numbers out = without_dead(i, in[i]);
      bool sink = true;
      for (const auto& [from, to] : test_.plan.edges) {
        if (from != i) continue;
        in[to].insert(out.begin(), out.end());
        sink = false;
      }
      if (sink) check_sink(i, out);
    }
  }

 private:
  // What is left of a node's input when its dead letters are taken out. They must be the poison,
  // and what looked like it.
  Numbers without_dead(size_t index, const Numbers& in) {
    const Ills& ills = test_.plan.nodes[index].ills;
    const std::vector<uint64_t> letters = world_.dead_letters(index);
    const Numbers dead(letters.begin(), letters.end());
    const uint64_t enough_hurt = ills.outage_for.count() > 0 ? 1 : 2;
    for (const uint64_t number : std::set<uint64_t>(dead.begin(), dead.end())) {
      const bool poison = ills.poison.contains(number);
      EXPECT_TRUE(poison || world_.hurt(index, number) >= enough_hurt)
          << number << " is a dead letter and should not be";
      if (world_.logs_lost()) continue;
      EXPECT_LE(dead.count(number), in.count(number)) << number;
    }
    Numbers out;
    for (const uint64_t number : std::set<uint64_t>(in.begin(), in.end())) {
      const bool poison = ills.poison.contains(number);
      if (world_.logs_lost()) {
        // Dead letters are a sole copy: an older copy of the log may not have them (R5).
        if (!poison && world_.hurt(index, number) < enough_hurt) out.insert(number);
        continue;
      }
      if (poison) {
        EXPECT_EQ(dead.count(number), in.count(number)) << number << " is poison";
      }
      for (size_t i = dead.count(number); i < in.count(number); ++i) out.insert(number);
    }
    return out;
  }

  void check_sink(size_t index, const Numbers& expected) {
    std::vector<uint64_t> got;
    for (const std::string& line : world_.lines(index)) got.push_back(std::stoull(line));
    if (world_.logs_lost()) {
      const std::set<uint64_t> all(got.begin(), got.end());
      for (const uint64_t number : expected) {
        EXPECT_TRUE(all.contains(number)) << "lost: " << number;
      }
      return;
    }
    if (!test_.ordered) std::sort(got.begin(), got.end());
    EXPECT_EQ(got, std::vector<uint64_t>(expected.begin(), expected.end()));
  }

  const World& world_;
  const Case& test_;
};

SeedOutcome run_seed(uint64_t seed, const Faults& faults) {
  const Case test = Maker(seed, faults.power_cut > 0).make();
  World world(seed, test.plan, faults);
  if (run_world(world)) Checker(world, test).check();
  return outcome_of(world);
}

void run_kind(const Faults& faults, const SeedRun& run) {
  run_seeds(run, [&](uint64_t seed) { return run_seed(seed, faults); });
}

// Dead letters are tried again and dropped at random, and after a while their programs accept them:
// each record is a dead letter, or published, or dropped, and only one of these.
SeedOutcome run_retries(uint64_t seed, const Faults& faults) {
  Case test = Maker(seed, false).make_retries();
  World world(seed, test.plan, faults);
  if (!run_world(world)) return outcome_of(world);
  Numbers out;
  for (const std::string& line : world.lines(test.plan.nodes.size() - 1)) {
    out.insert(std::stoull(line));
  }
  const std::vector<uint64_t> letters = world.dead_letters(1);
  const Numbers dead(letters.begin(), letters.end());
  for (uint64_t number = 1; number <= kCount; ++number) {
    const uint64_t there = dead.count(number) + out.count(number);
    EXPECT_LE(there + world.drops_done(1, number), 1u) << number;
    EXPECT_GE(there + world.drops_asked(1, number), 1u) << "lost: " << number;
  }
  return outcome_of(world);
}

TEST(Failing, R9DeadLettersAreTriedAgainWithoutFaults) {
  run_seeds({300, 100}, [](uint64_t seed) { return run_retries(seed, {}); });
}
TEST(Failing, R9DeadLettersAreTriedAgainWhileLogsSurvive) {
  run_seeds({1500, 100}, [](uint64_t seed) { return run_retries(seed, gentle()); });
}

// See Delivery.R11ALostRunCostsNoConnection; here with `lines` and `frames`, and programs that
// fail.
TEST(Failing, R11ALostRunCostsNoConnection) {
  Faults faults;
  faults.program_kill = 2;
  faults.guard_loss = 20;
  faults.message_loss = 20;
  run_seeds({300, 100}, [&](uint64_t seed) {
    const Case test = Maker(seed, false).make();
    World world(seed, test.plan, faults);
    run_world(world);
    EXPECT_EQ(world.given_up(), 0u);
    return outcome_of(world);
  });
}

TEST(Failing, R9R11R12WithoutFaults) { run_kind({}, {200, 100}); }
TEST(Failing, R9R11R12WhileLogsSurvive) { run_kind(gentle(), {1000, 100}); }
TEST(Failing, R9R11R12WhenLogsAreLost) { run_kind(harsh(), {400, 15}); }

}  // namespace
}  // namespace weir::sim
