// The delivery rules in simulation: R2, R3, R4, R6, R7, R8 over seeded faults. A failing seed
// prints itself.
#include <algorithm>

#include "test/sim/world_runner.h"

namespace weir::sim {
namespace {

graph::NodeSpec spec(std::string name, graph::Unit unit, bool rerun = false) {
  graph::NodeSpec node;
  node.name = std::move(name);
  node.run = "simulated";
  node.unit = unit;
  node.rerun = rerun;
  node.retries = 1'000'000;
  node.backoff_max = std::chrono::milliseconds(200);
  node.max_records = 7;
  return node;
}

NodePlan source(uint64_t count, bool rerun) {
  NodePlan plan{spec("numbers", graph::Unit::kStream, rerun), Behaviour::kNumbers, count};
  plan.spec.durability = graph::Durability::kDisk;
  return plan;
}

NodePlan inner(std::string name, graph::Unit unit, Behaviour behaviour = Behaviour::kCat,
               uint64_t count = 0) {
  return {spec(std::move(name), unit), behaviour, count};
}

constexpr uint64_t kCount = 60;

std::vector<std::string> numbers(uint64_t from, uint64_t to, uint64_t step = 1) {
  std::vector<std::string> lines;
  for (uint64_t i = from; i <= to; i += step) lines.push_back(std::to_string(i));
  return lines;
}

struct Case {
  Plan plan;
  std::vector<std::pair<size_t, std::vector<std::string>>> expected;  // Per sink.
  bool ordered = true;
};

Case chain(graph::Unit first, graph::Unit second, bool rerun) {
  Case result;
  result.plan.nodes = {source(kCount, rerun), inner("middle", first), inner("last", second)};
  result.plan.edges = {{0, 1}, {1, 2}};
  result.expected = {{2, numbers(1, kCount)}};
  return result;
}

Case diamond(graph::Unit unit) {
  Case result;
  result.plan.nodes = {source(kCount, false), inner("even", unit, Behaviour::kEven),
                       inner("all", unit), inner("join", graph::Unit::kStream)};
  result.plan.edges = {{0, 1}, {0, 2}, {1, 3}, {2, 3}};
  std::vector<std::string> expected = numbers(1, kCount);
  for (std::string& line : numbers(2, kCount, 2)) expected.push_back(line);
  result.expected = {{3, expected}};
  result.ordered = false;
  return result;
}

Case fan_out() {
  Case result;
  result.plan.nodes = {source(kCount, true), inner("even", graph::Unit::kStream, Behaviour::kEven),
                       inner("count", graph::Unit::kStream, Behaviour::kCount),
                       inner("twice", graph::Unit::kRecord, Behaviour::kTwice)};
  result.plan.edges = {{0, 1}, {0, 2}, {0, 3}};
  std::vector<std::string> twice;
  for (const std::string& line : numbers(1, kCount)) twice.insert(twice.end(), {line, line});
  result.expected = {{1, numbers(2, kCount, 2)}, {2, {std::to_string(kCount)}}, {3, twice}};
  return result;
}

Case enough() {
  Case result;
  result.plan.nodes = {source(kCount, false), inner("middle", graph::Unit::kStream),
                       inner("head", graph::Unit::kStream, Behaviour::kHead, 5)};
  result.plan.edges = {{0, 1}, {1, 2}};
  result.expected = {{2, numbers(1, 5)}};
  return result;
}

Case small_log() {
  Case result = chain(graph::Unit::kBatch, graph::Unit::kBatch, false);
  result.plan.log_limit_bytes = 16 << 10;
  return result;
}

Case case_of(uint64_t seed) {
  using graph::Unit;
  switch (seed % 9) {
    case 0:
      return chain(Unit::kStream, Unit::kBatch, false);
    case 1:
      return chain(Unit::kBatch, Unit::kStream, true);
    case 2:
      return chain(Unit::kStream, Unit::kStream, true);
    case 3:
      return chain(Unit::kRecord, Unit::kBatch, false);
    case 4:
      return diamond(Unit::kStream);
    case 5:
      return diamond(Unit::kBatch);
    case 6:
      return fan_out();
    case 7:
      return enough();
    default:
      return small_log();
  }
}

// Exactly once and in order while logs survive whole; at least once otherwise (R4).
void check(const World& world, const Case& test) {
  for (const auto& [node, expected] : test.expected) {
    std::vector<std::string> got = world.lines(node);
    std::vector<std::string> wanted = expected;
    if (!world.logs_lost()) {
      if (!test.ordered) {
        std::sort(got.begin(), got.end());
        std::sort(wanted.begin(), wanted.end());
      }
      EXPECT_EQ(got, wanted) << ::testing::PrintToString(world.output(node));
      continue;
    }
    const std::multiset<std::string> all(got.begin(), got.end());
    const bool counts = wanted.size() == 1;  // A count may count a repeated record.
    if (counts) continue;
    for (const std::string& line : wanted) EXPECT_TRUE(all.contains(line)) << "lost: " << line;
  }
}

// A source without an end that is told to end: what came is all up to some record, and no more.
SeedOutcome run_ended_seed(uint64_t seed) {
  Case test = chain(graph::Unit::kStream, graph::Unit::kBatch, seed % 2 == 0);
  test.plan.nodes[0].count = 20'000;
  test.plan.end_sources_at = 1 + seed % 599;
  World world(seed, test.plan, gentle());
  if (!run_world(world)) return outcome_of(world);
  const std::vector<std::string> got = world.lines(2);
  EXPECT_LT(got.size(), 20'000u);
  EXPECT_EQ(got, numbers(1, got.size()));
  return outcome_of(world);
}

SeedOutcome run_seed(uint64_t seed, const Faults& faults) {
  const Case test = case_of(seed);
  World world(seed, test.plan, faults);
  if (run_world(world)) check(world, test);
  return outcome_of(world);
}

void run_kind(const Faults& faults, const SeedRun& run) {
  run_seeds(run, [&](uint64_t seed) { return run_seed(seed, faults); });
}

TEST(Delivery, WithoutFaults) { run_kind({}, {90, 100}); }
TEST(Delivery, R4ExactlyOnceWhileLogsSurvive) { run_kind(gentle(), {2000, 100}); }
TEST(Delivery, R2R3R6NothingLostWhenLogsAreLost) { run_kind(harsh(), {2000, 25}); }

TEST(Delivery, R8AnEndedSourceLosesNothingThatItHadWritten) {
  run_seeds({300, 100}, run_ended_seed);
}

// A run that is lost costs its reader no more than the fetching of its input, also where one
// message or the other that says so gets lost.
TEST(Delivery, R11ALostRunCostsNoConnection) {
  Faults faults;
  faults.program_kill = 20;
  faults.guard_loss = 20;
  faults.message_loss = 20;
  run_seeds({300, 100}, [&](uint64_t seed) {
    const Case test = case_of(seed);
    World world(seed, test.plan, faults);
    if (run_world(world)) check(world, test);
    EXPECT_EQ(world.given_up(), 0u);
    return outcome_of(world);
  });
}

}  // namespace
}  // namespace weir::sim
