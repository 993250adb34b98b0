#include "wrapper/core/unsettled_age.h"

#include <gtest/gtest.h>

#include "bench.h"
#include "wrapper/core/report.h"

namespace weir::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const SteadyTime kStart{std::chrono::hours(1)};

RecordId record(uint64_t seq) { return {1, 1, seq}; }

TEST(UnsettledAge, IsThatOfTheOldestWhichIsNotSettled) {
  UnsettledAge age;
  EXPECT_FALSE(age.since());
  age.published(record(10), kStart);
  age.published(record(20), kStart + seconds(5));
  age.settle([](const RecordId& last) { return last <= record(9); });
  EXPECT_EQ(age.since(), kStart);
  age.settle([](const RecordId& last) { return last <= record(10); });
  EXPECT_EQ(age.since(), kStart + seconds(5));
  age.settle([](const RecordId&) { return true; });
  EXPECT_FALSE(age.since());
}

TEST(UnsettledAge, IsNeverTooShortWhenTimesAreMerged) {
  UnsettledAge age;
  for (uint64_t i = 1; i <= 100'000; ++i) age.published(record(i), kStart + milliseconds(i));
  for (uint64_t settled = 0; settled < 100'000; settled += 997) {
    age.settle([&](const RecordId& last) { return last <= record(settled); });
    ASSERT_TRUE(age.since());
    EXPECT_LE(*age.since(), kStart + milliseconds(settled + 1));
  }
}

// Less than a trim group, so all of it still lies in the log.
TEST(Report, R3WhatIsSettledIsNotCountedAlthoughItLiesInTheLog) {
  wire::StartOrder order;
  order.node.unit = graph::Unit::kBatch;
  Bench bench(order, [](const std::string& input, std::string& output) {
    output = input;
    return RunEnd{};
  });
  const auto report = [&] { return make_report(bench.node(), {}, bench.now()); };
  bench.give(lines(10));
  bench.settle_until([&] { return bench.output() == joined(lines(10)); });
  for (int i = 0; i < 5; ++i) bench.settle();
  EXPECT_EQ(report().unsettled_records, 10u);
  bench.pass(seconds(3));
  EXPECT_GE(report().unsettled_ms, 3000u);
  bench.settle_reader();
  bench.settle();
  EXPECT_EQ(report().unsettled_records, 0u);
  EXPECT_EQ(report().unsettled_ms, 0u);
  EXPECT_GT(report().log_bytes, 0u) << "it is still there";
}

}  // namespace
}  // namespace weir::core
