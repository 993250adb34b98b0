#include "schema/edge/listener.h"

#include <gtest/gtest.h>

#include <cstring>

namespace weir::edge {
namespace {

constexpr Incarnation kOf{1, 1, 11};

Peer at(std::string route) { return {std::move(route), "", Peer::Role::kWriter}; }

Hello hello(const std::string& lane, uint64_t session = 1) {
  return {session, {"pipe", lane, "me.0"}, {{kOf, 1, 0}}, {1, 1, 1}};
}

SharedBytes bytes_of(const Frame& frame) { return SharedBytes::copy_of(encode(frame)); }

class ListenerTest : public ::testing::Test, public Inputs {
 protected:
  std::optional<size_t> input_named(std::string_view lane) const override {
    if (lane == "a.0") return 0;
    if (lane == "b.0") return 1;
    return std::nullopt;
  }
  std::optional<Refuse> on_hello(size_t input, const Hello& hello, const Peer& peer) override {
    if (refuses) return Refuse{hello.session, RefuseReason::kStale, kOf, "too old"};
    heard += "HELLO " + std::to_string(input) + " of " + peer.route + ", " +
             std::to_string(hello.history.size()) + " entries; ";
    return std::nullopt;
  }
  void on_writer_frame(size_t input, const Frame&) override {
    heard += "frame " + std::to_string(input) + "; ";
  }
  void on_block(size_t input, wire::Block block) override {
    heard += "block " + std::to_string(input) + " " + std::to_string(block.header.first) + "; ";
  }

  bool refuses = false;
  std::string heard;
  std::string bad;
  Listener listener_{*this, [this](size_t input, const Error& why) {
                       bad = std::to_string(input) + " " + why.what;
                     }};
};

TEST_F(ListenerTest, WhoSaidHelloIsHeard) {
  EXPECT_FALSE(listener_.on_message(at("x"), bytes_of(hello("b.0"))));
  EXPECT_EQ(listener_.input_of("x"), 1u);
  EXPECT_EQ(listener_.route_of(1), "x");
  EXPECT_EQ(listener_.route_of(0), "");
  EXPECT_FALSE(listener_.on_message(at("x"), bytes_of(Ping{1, {1, 1, 1}})));
  EXPECT_FALSE(listener_.on_message(at("x"), wire::make_mark(kOf, 7, wire::kEndMark).bytes));
  EXPECT_EQ(heard, "HELLO 1 of x, 1 entries; frame 1; block 1 7; ");
  EXPECT_EQ(listener_.refused_messages(), 0u);
}

TEST_F(ListenerTest, WhoDidNotIsTold) {
  const auto to_block =
      listener_.on_message(at("x"), wire::make_mark(kOf, 7, wire::kEndMark).bytes);
  ASSERT_TRUE(to_block);
  EXPECT_TRUE(std::holds_alternative<Reset>(*to_block));
  const auto to_ping = listener_.on_message(at("x"), bytes_of(Ping{1, {1, 1, 1}}));
  ASSERT_TRUE(to_ping);
  EXPECT_TRUE(std::holds_alternative<Reset>(*to_ping));
  EXPECT_EQ(heard, "");
}

TEST_F(ListenerTest, OfTwoConnectionsOfAWriterTheLaterOneCounts) {
  (void)listener_.on_message(at("x"), bytes_of(hello("a.0")));
  (void)listener_.on_message(at("y"), bytes_of(hello("a.0", 2)));
  EXPECT_EQ(listener_.route_of(0), "y");
  EXPECT_FALSE(listener_.input_of("x"));
  const auto late = listener_.on_message(at("x"), bytes_of(Ping{1, {1, 1, 1}}));
  EXPECT_TRUE(late && std::holds_alternative<Reset>(*late));
}

TEST_F(ListenerTest, RefusalsGoBackAndAreCounted) {
  const auto nobody = listener_.on_message(at("x"), bytes_of(hello("c.0")));
  ASSERT_TRUE(nobody);
  EXPECT_EQ(std::get<Refuse>(*nobody).reason, RefuseReason::kWrongEdge);
  refuses = true;
  const auto stale = listener_.on_message(at("x"), bytes_of(hello("a.0")));
  ASSERT_TRUE(stale);
  EXPECT_EQ(std::get<Refuse>(*stale).reason, RefuseReason::kStale);
  EXPECT_FALSE(listener_.input_of("x"));
  const auto rubbish = listener_.on_message(at("x"), SharedBytes::copy_of("rubbish"));
  ASSERT_TRUE(rubbish);
  EXPECT_EQ(std::get<Refuse>(*rubbish).reason, RefuseReason::kMalformed);
  EXPECT_EQ(listener_.refused_messages(), 3u);
}

TEST_F(ListenerTest, ADamagedBlockIsSaidOnlyOfAWriterThatWasMet) {
  std::string damaged(wire::make_mark(kOf, 7, wire::kEndMark).bytes.view());
  damaged[40] = static_cast<char>(damaged[40] ^ 1);
  EXPECT_TRUE(listener_.on_message(at("x"), SharedBytes::copy_of(damaged)));
  EXPECT_EQ(bad, "");
  (void)listener_.on_message(at("x"), bytes_of(hello("a.0")));
  EXPECT_FALSE(listener_.on_message(at("x"), SharedBytes::copy_of(damaged)));
  EXPECT_EQ(bad, "0 block: the header's hash does not match");
  EXPECT_EQ(listener_.refused_messages(), 1u);
}

TEST_F(ListenerTest, AHelloInPartsIsPutTogether) {
  Hello whole = hello("a.0");
  whole.history.clear();
  for (uint64_t boot = 1; boot <= kHistoryEntriesMax + 3; ++boot) {
    whole.history.push_back({{1, boot, 5}, boot, boot});
  }
  for (const std::string& message : encode_all(whole)) {
    EXPECT_FALSE(listener_.on_message(at("x"), SharedBytes::copy_of(message)));
  }
  EXPECT_EQ(heard, "HELLO 0 of x, " + std::to_string(kHistoryEntriesMax + 3) + " entries; ");
}

}  // namespace
}  // namespace weir::edge
