// One real wrapper with its guard and its program, told what to do by the test.
#include <gtest/gtest.h>

#include "test/e2e/one_wrapper.h"

namespace weir::e2e {
namespace {

TEST(Wrapper, ListensForOtherHostsAtTheSamePortAfterARestart) {
  OneWrapper wrapper;
  wire::StartOrder order = wrapper.order("cat");
  order.writers = {"a.0"};
  order.sink = true;
  order.listen_remote = "tcp://127.0.0.1:*";
  wrapper.start(order);
  ASSERT_TRUE(wrapper.wait_for("a report", [](const auto&) { return true; }));
  const std::string first = wrapper.status().remote_endpoint;
  EXPECT_TRUE(first.starts_with("tcp://127.0.0.1:")) << first;
  EXPECT_EQ(wrapper.status().endpoint, "ipc://" + wrapper.path("lanes"));
  wrapper.kill();
  wrapper.start(order);
  ASSERT_TRUE(wrapper.wait_for("a report", [](const auto&) { return true; }));
  EXPECT_EQ(wrapper.status().remote_endpoint, first);
  EXPECT_EQ(wrapper.status().boot, 2u);
}

}  // namespace
}  // namespace weir::e2e
