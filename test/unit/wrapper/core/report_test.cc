#include "wrapper/core/report.h"

#include <gtest/gtest.h>

#include "test/unit/wrapper/core/bench.h"

namespace weir::core {
namespace {

using std::chrono::milliseconds;

RunEnd does_nothing(const std::string& /*input*/, std::string& /*output*/) { return {}; }

wire::StartOrder order() {
  wire::StartOrder order;
  order.node.name = "n";
  order.term = 1;
  order.writers = {"w.0"};
  order.readers = {{"r.0", ""}};
  return order;
}

TEST(Report, AProcessForEachRecordIsNotToldForEach) {
  Bench bench(order(), does_nothing);
  ProcessFacts facts;
  size_t told = 0;
  wire::InstanceStatus last = make_report(bench.node(), facts, bench.now());
  SteadyTime last_at = bench.now();
  for (int64_t unit = 1; unit <= 1000; ++unit) {
    bench.pass(milliseconds(1));
    facts.action_pid = unit;
    if (!has_news(bench.node(), facts, last, bench.now() - last_at)) continue;
    last = make_report(bench.node(), facts, bench.now());
    last_at = bench.now();
    ++told;
  }
  EXPECT_EQ(told, 10u);
}

TEST(Report, ThatItGoesOnNoMoreIsToldAtOnce) {
  Bench bench(order(), does_nothing);
  const wire::InstanceStatus last = make_report(bench.node(), {}, bench.now());
  EXPECT_FALSE(has_news(bench.node(), {}, last, milliseconds(0)));
  ProcessFacts facts;
  facts.failure = "it cannot go on";
  EXPECT_TRUE(has_news(bench.node(), facts, last, milliseconds(0)));
}

}  // namespace
}  // namespace weir::core
