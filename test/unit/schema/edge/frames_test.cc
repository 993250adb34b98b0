#include "schema/edge/frames.h"

#include <gtest/gtest.h>

#include <random>

namespace weir::edge {
namespace {

constexpr Incarnation kWriter{3, 2, 0xabcdef};

std::vector<Frame> one_of_each() {
  Hello hello{7, {"pipe", "a.0", "b.0"}, {{{3, 1, 5}, 1, 4}, {kWriter, 5, 9}}, {3, 1, 2}};
  Welcome welcome{7, 2, kWriter, {kWriter, 6}, {kWriter, 4}, 4096, true, false};
  return {hello,
          welcome,
          Begin{7, 2, {3, 2, 7}, ResumeCause::kLostTail},
          Ping{7, {3, 2, 9}},
          Ack{7, {kWriter, 6}, {kWriter, 4}, true, false, true},
          Reset{7},
          Refuse{7, RefuseReason::kStale, kWriter, "a later one is known"}};
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const unsigned char byte : bytes) {
    char pair[3];
    std::snprintf(pair, sizeof pair, "%02x", byte);
    out += pair;
  }
  return out;
}

TEST(Frames, DecodingGivesBackWhatWasEncoded) {
  for (const Frame& frame : one_of_each()) {
    const std::string bytes = encode(frame);
    const Result<Frame> back = decode(bytes);
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_EQ(back->index(), frame.index());
    EXPECT_EQ(hex(encode(*back)), hex(bytes));
  }
}

// Changing these bytes is changing the protocol.
TEST(Frames, GoldenBytes) {
  EXPECT_EQ(hex(encode(Reset{7})),
            "57454431"
            "06"
            "0000000000000007");
  EXPECT_EQ(hex(encode(Ping{7, {3, 2, 9}})),
            "57454431"
            "04"
            "0000000000000007"
            "0000000000000003"
            "0000000000000002"
            "0000000000000009");
  EXPECT_EQ(hex(encode(Begin{1, 2, {3, 4, 5}, ResumeCause::kUnknown})),
            "57454431"
            "03"
            "0000000000000001"
            "0000000000000002"
            "0000000000000003"
            "0000000000000004"
            "0000000000000005"
            "02");
}

TEST(Frames, EveryShorterOrLongerOneIsRefused) {
  for (const Frame& frame : one_of_each()) {
    const std::string bytes = encode(frame);
    for (size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_FALSE(decode(std::string_view(bytes).substr(0, length))) << length;
    }
    EXPECT_FALSE(decode(bytes + "x"));
  }
}

TEST(Frames, RandomChangesAreDecodedOrRefused) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    for (const Frame& frame : one_of_each()) {
      std::string bytes = encode(frame);
      bytes[4 + random() % (bytes.size() - 4)] = static_cast<char>(random());
      const Result<Frame> back = decode(bytes);
      if (back) {
        EXPECT_EQ(encode(*back).size(), bytes.size());
      }
      if (i > 200 && frame.index() > 0) break;
    }
  }
}

TEST(Frames, HistoryOutOfOrderIsRefused) {
  Hello hello{7, {"pipe", "a.0", "b.0"}, {{kWriter, 1, 4}, {kWriter, 5, 9}}, {3, 1, 2}};
  const Result<Frame> frame = decode(encode(hello));
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().what, "edge frame: history entries out of order");
}

}  // namespace
}  // namespace weir::edge
