#include "broker/core/order_feed.h"

#include <gtest/gtest.h>

namespace weir::broker {
namespace {

using std::chrono::milliseconds;

wire::StartOrder start(const std::string& node, uint64_t term = 1, size_t bytes = 0) {
  wire::StartOrder order;
  order.pipeline = "p";
  order.node.name = node;
  order.node.run = std::string(bytes, 'x');
  order.term = term;
  return order;
}

wire::InstanceKey key(const std::string& node) { return {"p", node, 0, 0}; }

wire::AgentOrders starts(std::vector<wire::StartOrder> orders) {
  return {0, std::move(orders), {}, {}};
}

class OrderFeedTest : public ::testing::Test {
 protected:
  // All that may be sent now.
  std::vector<wire::AgentOrders> sent() {
    std::vector<wire::AgentOrders> all;
    while (auto orders = feed_.next(version_ + 1, now_)) {
      ++version_;
      EXPECT_EQ(orders->version, version_);
      all.push_back(*std::move(orders));
    }
    return all;
  }
  bool obeyed(uint64_t version) { return feed_.on_report(version, now_); }

  OrderFeed feed_;
  uint64_t version_ = 100;
  SteadyTime now_{std::chrono::hours(1)};
};

TEST_F(OrderFeedTest, TheFirstMessageSaysAllAndTheOthersWhatHasChanged) {
  EXPECT_EQ(sent().size(), 1u) << "although there is nothing to say";
  feed_.want("p", starts({start("a"), start("b")}));
  const auto first = sent();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].start.size(), 2u);
  EXPECT_EQ(first[0].base, 101u);
  feed_.want("p", starts({start("a"), start("b")}));
  EXPECT_TRUE(sent().empty()) << "nothing has changed";
  feed_.want("p", {0, {start("b", 2)}, {key("a")}, {}});
  const auto change = sent();
  ASSERT_EQ(change.size(), 1u);
  EXPECT_EQ(change[0].base, 102u);
  ASSERT_EQ(change[0].start.size(), 1u);
  EXPECT_EQ(change[0].start[0].term, 2u);
  EXPECT_EQ(change[0].stop, std::vector{key("a")});
}

TEST_F(OrderFeedTest, MuchIsSaidInPartsAndNotFarAhead) {
  std::vector<wire::StartOrder> many;
  for (int i = 100; i < 200; ++i) many.push_back(start("n" + std::to_string(i), 1, 100'000));
  feed_.want("p", starts(many));
  size_t told = 0;
  for (auto part = sent(); !part.empty(); part = sent()) {
    EXPECT_LE(part.size(), OrderFeed::kAheadMax);
    for (const wire::AgentOrders& orders : part) {
      const auto bytes = wire::encode({"", orders});
      ASSERT_TRUE(bytes);
      EXPECT_LT(bytes->size(), 2 * wire::kPartBytesMax);
      told += orders.start.size();
    }
    EXPECT_TRUE(obeyed(part.back().version));
  }
  EXPECT_EQ(told, many.size());
}

TEST_F(OrderFeedTest, WhatChangesBeforeItWasToldIsToldOnce) {
  for (uint64_t term = 1; term <= 10; ++term) {
    feed_.want("p", starts({start("a", term)}));
    if (term <= OrderFeed::kAheadMax) {
      EXPECT_EQ(sent().size(), 1u);
    } else {
      EXPECT_TRUE(sent().empty()) << "it has obeyed none of them yet";
    }
  }
  obeyed(version_);
  const auto last = sent();
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].start.at(0).term, 10u);
}

TEST_F(OrderFeedTest, AStopIsObeyedWithTheMessageThatSaidSo) {
  feed_.want("p", starts({start("a")}));
  sent();
  feed_.want("p", {0, {}, {key("a")}, {key("b")}});
  sent();
  obeyed(101);
  EXPECT_TRUE(feed_.obeyed_stops().empty());
  obeyed(102);
  EXPECT_EQ(feed_.obeyed_stops(), std::vector{key("a")});
  EXPECT_EQ(feed_.obeyed_removals(), std::vector{key("b")});
  feed_.begin_anew();
  EXPECT_TRUE(feed_.obeyed_stops().empty()) << "another connection: it may be another process";
}

TEST_F(OrderFeedTest, AnAgentThatHasLostSomethingIsToldAllAnew) {
  feed_.want("p", starts({start("a")}));
  sent();
  obeyed(101);
  feed_.want("p", starts({start("a"), start("b")}));
  sent();
  EXPECT_FALSE(obeyed(101)) << "it is under way";
  EXPECT_TRUE(obeyed(0)) << "it says that one is missing";
  const auto anew = sent();
  ASSERT_EQ(anew.size(), 1u);
  EXPECT_EQ(anew[0].base, 0u);
  EXPECT_EQ(anew[0].start.size(), 2u);
  EXPECT_FALSE(obeyed(102)) << "a report from before says nothing";
  EXPECT_FALSE(obeyed(0)) << "nor does one that was on its way";
  now_ += OrderFeed::kObeyedWithin;
  EXPECT_TRUE(obeyed(0)) << "but not for ever";
  EXPECT_EQ(sent().at(0).start.size(), 2u);
}

TEST_F(OrderFeedTest, WhatIsNotWantedAnyMoreIsLeftAloneAndForgotten) {
  feed_.want("p", starts({start("a")}));
  feed_.want("q", {0, {}, {}, {{"q", "x", 0, 0}}});
  EXPECT_EQ(feed_.pipelines(), (std::set<std::string>{"p", "q"}));
  sent();
  feed_.want("p", {});
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(feed_.pipelines(), std::set<std::string>{"q"});
  feed_.want("p", starts({start("a")}));
  EXPECT_EQ(sent().size(), 1u) << "and told when it is wanted again";
}

}  // namespace
}  // namespace weir::broker
