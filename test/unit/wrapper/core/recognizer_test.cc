#include "wrapper/core/recognizer.h"

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

TEST(Recognizer, SwallowsWhatWasPublishedInAnyChunks) {
  const std::string before = "one\ntwo\nthree\nfour\n";
  const std::string again = before + "five\n";
  for (size_t chunk = 1; chunk <= again.size(); ++chunk) {
    Recognizer recognizer(points_of(before, {4, 8, before.size()}));
    std::string fresh;
    for (size_t at = 0; at < again.size(); at += chunk) {
      recognizer.feed(bytes(std::string_view(again).substr(at, chunk)), fresh);
    }
    EXPECT_EQ(recognizer.state(), Recognizer::State::kDone);
    EXPECT_EQ(fresh, "five\n");
    EXPECT_EQ(recognizer.hash().bytes(), before.size());
  }
}

TEST(Recognizer, FromTheLastEqualPointOnWhatDiffersIsNew) {
  const std::string before = "one\ntwo\nthree\n";
  Recognizer recognizer(points_of(before, {4, 8, before.size()}));
  std::string fresh;
  recognizer.feed(bytes("one\ntwo\nTHREE\nfour\n"), fresh);
  EXPECT_EQ(recognizer.state(), Recognizer::State::kDiffers);
  EXPECT_EQ(fresh, "THREE\nfour\n");
  EXPECT_EQ(recognizer.hash().bytes(), 8u);
}

TEST(Recognizer, ARunThatEndsEarlyGivesUpWhatIsHeld) {
  const std::string before = "one\ntwo\nthree\n";
  Recognizer recognizer(points_of(before, {4, before.size()}));
  std::string fresh;
  recognizer.feed(bytes("one\ntwo\n"), fresh);
  EXPECT_EQ(fresh, "");
  recognizer.give_up(fresh);
  EXPECT_EQ(fresh, "two\n");
}

}  // namespace
}  // namespace weir::core
