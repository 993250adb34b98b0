#include "wrapper/core/replay_filter.h"

#include <gtest/gtest.h>

#include <random>

namespace weir::core {
namespace {

std::span<const uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::vector<HashPoint> points_of(std::string_view text, std::initializer_list<size_t> offsets) {
  std::vector<HashPoint> points;
  for (const size_t offset : offsets) {
    StreamHash hash;
    hash.update(bytes(text.substr(0, offset)));
    points.push_back({offset, hash.digest()});
  }
  return points;
}

TEST(ReplayFilter, SwallowsWhatWasPublishedInAnyChunks) {
  const std::string before = "one\ntwo\nthree\nfour\n";
  const std::string again = before + "five\n";
  for (size_t chunk = 1; chunk <= again.size(); ++chunk) {
    ReplayFilter filter(points_of(before, {4, 8, before.size()}));
    std::string fresh;
    for (size_t at = 0; at < again.size(); at += chunk) {
      filter.feed(bytes(std::string_view(again).substr(at, chunk)), fresh);
    }
    EXPECT_EQ(filter.state(), ReplayFilter::State::kDone);
    EXPECT_EQ(fresh, "five\n");
    EXPECT_EQ(filter.hash().bytes(), before.size());
  }
}

TEST(ReplayFilter, FromTheLastEqualPointOnWhatDiffersIsNew) {
  const std::string before = "one\ntwo\nthree\n";
  ReplayFilter filter(points_of(before, {4, 8, before.size()}));
  std::string fresh;
  filter.feed(bytes("one\ntwo\nTHREE\nfour\n"), fresh);
  EXPECT_EQ(filter.state(), ReplayFilter::State::kDiffers);
  EXPECT_EQ(fresh, "THREE\nfour\n");
  EXPECT_EQ(filter.hash().bytes(), 8u);
}

TEST(ReplayFilter, ARunThatEndsEarlyGivesUpWhatIsHeld) {
  const std::string before = "one\ntwo\nthree\n";
  ReplayFilter filter(points_of(before, {4, before.size()}));
  std::string fresh;
  filter.feed(bytes("one\ntwo\n"), fresh);
  EXPECT_EQ(fresh, "");
  filter.give_up(fresh);
  EXPECT_EQ(fresh, "two\n");
}

}  // namespace
}  // namespace weir::core
