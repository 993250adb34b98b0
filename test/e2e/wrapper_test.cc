// One real wrapper with its guard and its program, told what to do by the test.
#include <gtest/gtest.h>

#include <filesystem>

#include "schema/edge/frames.h"
#include "test/e2e/support/one_wrapper.h"

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

// The reader refuses the writer, of which it has `seen` this much, each time that the writer says
// HELLO; each HELLO has its own session.
void refuse_all(runtime::ZmqSocket& reader, const Incarnation& seen) {
  std::vector<runtime::Message> parts;
  while (reader.receive(parts).value()) {
    const auto frame = edge::decode(parts.at(1).view());
    const auto* hello = frame ? std::get_if<edge::Hello>(&*frame) : nullptr;
    if (hello == nullptr) continue;
    const std::string answer =
        edge::encode(edge::Refuse{hello->session, edge::RefuseReason::kStale, seen, "old"});
    EXPECT_TRUE(reader.send({parts.at(0).view(), answer}));
  }
}

// A reader that knows a later boot of a writer's log than the writer itself: an old copy of it was
// put back.
TEST(Wrapper, R2BeginsAgainAboveALaterBootThatAReaderKnows) {
  OneWrapper wrapper;
  wire::StartOrder order = endless_source(wrapper, "echo one; exec sleep 1000");
  order.readers = {{"next.0", "ipc://" + wrapper.path("next")}};
  runtime::ZmqContext context(1);
  auto reader = runtime::ZmqSocket::router(context, {});
  ASSERT_TRUE(reader);
  ASSERT_TRUE(reader->bind("ipc://" + wrapper.path("next")));
  // More than once: it writes down what it was told while it ends its program.
  uint64_t boot = 1;
  for (const uint64_t later : {41u, 51u, 61u, 71u}) {
    wrapper.start(order);
    ASSERT_TRUE(wrapper.wait_for("a program", [](const auto& s) { return s.action_pid != 0; }));
    EXPECT_EQ(wrapper.status().boot, boot);
    ASSERT_TRUE(wrapper.wait_for("its insight", [&](const auto& /*status*/) {
      refuse_all(*reader, {1, later, 7});
      const std::string known = "is known (" + std::to_string(later) + ",";
      return wrapper.content("log").find(known) != std::string::npos;
    }));
    EXPECT_EQ(wrapper.wait_for_exit(), 75);
    boot = later + 1;
  }
}

}  // namespace
}  // namespace weir::e2e
