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
          Refuse{7, RefuseReason::kStale, kWriter, "a later one is known"},
          HistoryPart{7, {{{1, 1, 5}, 1, 4}, {{2, 1, 6}, 5, 9}}}};
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

TEST(Frames, EveryShorterOneIsRefused) {
  for (const Frame& frame : one_of_each()) {
    const std::string bytes = encode(frame);
    for (size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_FALSE(decode(std::string_view(bytes).substr(0, length))) << length;
    }
  }
}

// A later release has more to say, and says it at the end.
TEST(Frames, WhatALaterReleaseAddsIsIgnored) {
  for (const Frame& frame : one_of_each()) {
    const std::string bytes = encode(frame);
    const Result<Frame> back = decode(bytes + std::string("\0more", 5));
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_EQ(back->index(), frame.index());
    EXPECT_EQ(hex(encode(*back)), hex(bytes));
  }
}

TEST(Frames, AnotherVersionIsRefusedByItsName) {
  std::string bytes = encode(Reset{7});
  bytes[3] = '2';
  const Result<Frame> frame = decode(bytes);
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().what, "edge frame: version '2' is not known");
}

TEST(Frames, RandomChangesAreDecodedOrRefused) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    for (const Frame& frame : one_of_each()) {
      std::string bytes = encode(frame);
      bytes[4 + random() % (bytes.size() - 4)] = static_cast<char>(random());
      const Result<Frame> back = decode(bytes);
      if (back) {
        EXPECT_LE(encode(*back).size(), bytes.size());
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

// A writer whose log was opened so often, while nothing was settled.
Hello long_hello(size_t entries) {
  Hello hello{7, {"pipe", "a.0", "b.0"}, {}, {1, 1, 1}};
  for (uint64_t i = 1; i <= entries; ++i) hello.history.push_back({{1, i, i}, i, i});
  return hello;
}

std::optional<Frame> assemble(HelloParts& parts, const std::string& route,
                              const std::vector<std::string>& messages) {
  std::optional<Frame> whole;
  for (const std::string& message : messages) {
    EXPECT_FALSE(whole) << "only the last message makes it whole";
    EXPECT_LE(message.size(), kEdgeMessageBytesMax);
    Result<Frame> frame = decode(message);
    EXPECT_TRUE(frame) << frame.error().what;
    if (frame) whole = parts.add(route, *std::move(frame));
  }
  return whole;
}

TEST(Frames, AHistoryOfAnyLengthComesThrough) {
  for (const size_t entries : {size_t{1}, kHistoryEntriesMax, kHistoryEntriesMax + 1,
                               3 * kHistoryEntriesMax, 5 * kHistoryEntriesMax + 17}) {
    const Hello hello = long_hello(entries);
    const auto messages = encode_all(hello);
    EXPECT_EQ(messages.size(), (entries + kHistoryEntriesMax - 1) / kHistoryEntriesMax);
    HelloParts parts;
    const auto whole = assemble(parts, "route", messages);
    ASSERT_TRUE(whole);
    const auto& back = std::get<Hello>(*whole);
    EXPECT_EQ(back.history, hello.history);
    EXPECT_EQ(back.edge, hello.edge);
    EXPECT_EQ(back.first_held, hello.first_held);
  }
}

TEST(Frames, PartsOfAnotherSessionOrConnectionAreNotMixedIn) {
  HelloParts parts;
  Hello first = long_hello(2 * kHistoryEntriesMax);
  const auto cut_off = encode_all(first);
  EXPECT_FALSE(parts.add("a", *decode(cut_off[0])));
  first.session = 8;
  const auto again = assemble(parts, "a", encode_all(first));
  ASSERT_TRUE(again);
  EXPECT_EQ(std::get<Hello>(*again).history, first.history);
  EXPECT_FALSE(parts.add("b", *decode(cut_off[0])));
  const auto alone = parts.add("c", *decode(cut_off[1]));
  ASSERT_TRUE(alone);
  EXPECT_EQ(std::get<Hello>(*alone).history.size(), kHistoryEntriesMax);
}

TEST(Frames, ManyUnfinishedHellosAreBounded) {
  HelloParts parts;
  const auto messages = encode_all(long_hello(kHistoryEntriesMax + 1));
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(parts.add("route " + std::to_string(i), *decode(messages[0])));
  }
  const auto oldest = parts.add("route 0", *decode(messages[1]));
  EXPECT_EQ(std::get<Hello>(*oldest).history.size(), 1u) << "it was forgotten";
  const auto newest = parts.add("route 99", *decode(messages[1]));
  EXPECT_EQ(std::get<Hello>(*newest).history.size(), kHistoryEntriesMax + 1);
}

}  // namespace
}  // namespace weir::edge
