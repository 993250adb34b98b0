#include "wrapper/core/settlements.h"

#include <gtest/gtest.h>

#include <map>

namespace weir::core {
namespace {

constexpr Incarnation kOf{1, 1, 9};

Settlement commit(uint64_t out, std::vector<std::pair<size_t, uint64_t>> inputs) {
  Settlement settlement{{1, 1, out}, {}};
  for (const auto& [input, seq] : inputs) settlement.set(input, {kOf, seq});
  return settlement;
}

// What is settled of each input when all outputs up to `out` are.
std::map<size_t, uint64_t> settled(Settlements& waiting, uint64_t out) {
  std::map<size_t, uint64_t> upto;
  waiting.advance([&](const RecordId& last) { return last.seq <= out; },
                  [&](size_t input, const Position& at) { upto[input] = at.seq; });
  return upto;
}

using Upto = std::map<size_t, uint64_t>;

TEST(Settlements, R3InputsAreSettledWhenTheOutputsOfTheirCommitAre) {
  Settlements waiting;
  waiting.add(commit(10, {{0, 1}, {1, 5}}));
  waiting.add(commit(20, {{0, 2}}));
  EXPECT_TRUE(waiting.concern(0) && waiting.concern(1));
  EXPECT_EQ(settled(waiting, 9), Upto{});
  EXPECT_EQ(settled(waiting, 10), (Upto{{0, 1}, {1, 5}}));
  EXPECT_TRUE(waiting.concern(0));
  EXPECT_FALSE(waiting.concern(1));
  EXPECT_EQ(settled(waiting, 30), (Upto{{0, 2}}));
  EXPECT_FALSE(waiting.concern(0));
}

TEST(Settlements, TheLastWordOnAnInputCounts) {
  Settlement settlement = commit(10, {{0, 1}, {1, 5}, {0, 3}});
  EXPECT_EQ(settlement.inputs.size(), 2u);
  Settlements waiting;
  waiting.add(std::move(settlement));
  EXPECT_EQ(settled(waiting, 10), (Upto{{0, 3}, {1, 5}}));
}

// Thinned out, they settle later, but never too early and never not at all.
TEST(Settlements, R7MoreThanCanBeHeldAreJoined) {
  Settlements waiting;
  const uint64_t count = 3 * Settlements::kMax + 1;
  for (uint64_t n = 1; n <= count; ++n) waiting.add(commit(n, {{n % 2, n}}));
  const auto early = settled(waiting, count / 3);
  for (const auto& [input, upto] : early) EXPECT_LE(upto, count / 3) << input;
  EXPECT_FALSE(early.empty());
  EXPECT_EQ(settled(waiting, count), (Upto{{count % 2, count}, {(count - 1) % 2, count - 1}}));
  EXPECT_FALSE(waiting.concern(0) || waiting.concern(1));
}

}  // namespace
}  // namespace weir::core
