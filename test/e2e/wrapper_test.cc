// One real wrapper with its guard and its program, told what to do by the test.
#include <gtest/gtest.h>

#include <filesystem>

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

TEST(Wrapper, AnUnreadSinksOutputGoesToItsFileAndNotToItsLog) {
  OneWrapper wrapper;
  // A source and a sink at once: 40 MiB, more than its log may hold, and than the file keeps.
  wire::StartOrder order = wrapper.order("seq 1000000 6991507; echo end");
  order.sink = true;
  order.node.durability = graph::Durability::kDisk;
  order.log_limit_bytes = 1u << 20;
  order.stdout_file = wrapper.path("stdout");
  wrapper.start(order);
  ASSERT_TRUE(wrapper.wait_for("the end", [](const auto& s) { return s.ended_and_settled; }));
  EXPECT_EQ(wrapper.status().records_out, 5'991'509u);
  EXPECT_LT(wrapper.status().log_bytes, 1000u);
  const std::string kept = wrapper.content("stdout.1") + wrapper.content("stdout");
  EXPECT_LT(kept.size(), 17u << 20);
  EXPECT_TRUE(kept.ends_with("\n6991507\nend\n")) << kept.substr(kept.size() - 100);
}

wire::StartOrder endless_source(const OneWrapper& wrapper, const std::string& command) {
  wire::StartOrder order = wrapper.order(command);
  order.node.durability = graph::Durability::kDisk;
  order.readers = {{"next.0", ""}};
  return order;
}

TEST(Wrapper, R8ASourceThatIsToldToEndKeepsWhatItHasWritten) {
  OneWrapper wrapper;
  // What it says at last belongs to its records; what it has only begun does not.
  const wire::StartOrder order =
      endless_source(wrapper,
                     "trap 'echo last; printf begun; exit 7' TERM; echo first; "
                     "while :; do sleep 0.01; done");
  wrapper.start(order);
  ASSERT_TRUE(wrapper.wait_for("a record", [](const auto& s) { return s.records_out == 1; }));
  wrapper.tell(wire::WrapperStop{true});
  ASSERT_TRUE(wrapper.wait_for(
      "the end", [](const auto& s) { return s.state == wire::InstanceState::kEnded; }));
  EXPECT_EQ(wrapper.status().records_out, 2u);
  EXPECT_EQ(wrapper.status().action_pid, 0);
  EXPECT_EQ(wrapper.status().last_error, "");
  // It stays so, without a program, for a wrapper that follows.
  wrapper.kill();
  wrapper.start(order);
  ASSERT_TRUE(wrapper.wait_for(
      "still ended", [](const auto& s) { return s.state == wire::InstanceState::kEnded; }));
  wrapper.tell(wire::WrapperStop{false});
  EXPECT_EQ(wrapper.wait_for_exit(), 0);
}

TEST(Wrapper, R8ASourceThatDoesNotListenIsKilledForItsEnd) {
  OneWrapper wrapper;
  wrapper.start(endless_source(wrapper, "trap '' TERM; echo one; while :; do sleep 0.01; done"));
  ASSERT_TRUE(wrapper.wait_for("a record", [](const auto& s) { return s.records_out == 1; }));
  wrapper.tell(wire::WrapperStop{true});
  ASSERT_TRUE(wrapper.wait_for(
      "the end", [](const auto& s) { return s.state == wire::InstanceState::kEnded; }));
  EXPECT_EQ(wrapper.status().records_out, 1u);
}

TEST(Wrapper, R8AnOrderThatSaysEndStartsNoProgram) {
  OneWrapper wrapper;
  wire::StartOrder order = endless_source(wrapper, "touch started; echo one");
  order.end = true;
  wrapper.start(order);
  ASSERT_TRUE(wrapper.wait_for(
      "the end", [](const auto& s) { return s.state == wire::InstanceState::kEnded; }));
  EXPECT_EQ(wrapper.status().records_out, 0u);
  EXPECT_FALSE(std::filesystem::exists(wrapper.path("started")));
}

}  // namespace
}  // namespace weir::e2e
