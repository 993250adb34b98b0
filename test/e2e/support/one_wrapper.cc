#include "test/e2e/support/one_wrapper.h"

#include <gtest/gtest.h>

#include "schema/runtime/process_tree.h"

namespace weir::e2e {

OneWrapper::OneWrapper() : context_(1) {
  runtime::become_subreaper();
  agent_.emplace(std::move(*runtime::ZmqSocket::router(context_, {})));
  EXPECT_TRUE(agent_->bind("ipc://" + path("agent")));
}

OneWrapper::~OneWrapper() {
  if (wrapper_) kill();
  e2e::wait_for("nothing is left", [] { return runtime::reap_inherited() == 0; });
}

wire::StartOrder OneWrapper::order(const std::string& command) const {
  wire::StartOrder order;
  order.pipeline = "p";
  order.node.name = "n";
  order.node.run = command;
  order.term = 1;
  order.log_dir = path("wal");
  order.agent_endpoint = "ipc://" + path("agent");
  order.listen = "ipc://" + path("lanes");
  order.working_dir = folder();
  order.stderr_file = path("stderr");
  return order;
}

void OneWrapper::start(const wire::StartOrder& order, const std::vector<std::string>& more,
                       const std::vector<std::string>& environment) {
  scene_.write("order", wire::encode_order(order));
  status_ = {};
  peer_.clear();
  CommandOptions options;
  options.argv = {WEIR_WRAPPER, "--order", path("order")};
  options.argv.insert(options.argv.end(), more.begin(), more.end());
  options.environment = environment;
  options.stderr_file = path("log");
  wrapper_.emplace(scene_.start(std::move(options)));
}

void OneWrapper::kill() {
  wrapper_->kill();
  wrapper_.reset();
}

void OneWrapper::tell(const wire::Message& message) {
  const auto bytes = wire::encode({"", message});
  ASSERT_TRUE(bytes);
  ASSERT_TRUE(agent_->send({peer_, *bytes}));
}

bool OneWrapper::receive() {
  std::vector<runtime::Message> parts;
  const auto got = agent_->receive(parts);
  if (!got || !*got) return false;
  const auto envelope = wire::decode(parts.at(1).view());
  EXPECT_TRUE(envelope);
  const auto* report = envelope ? std::get_if<wire::WrapperReport>(&envelope->message) : nullptr;
  // What a killed one said last may still come.
  if (report == nullptr || !wrapper_ || report->status.pid != wrapper_->pid()) return true;
  peer_ = parts.at(0).view();
  status_ = report->status;
  ++reports_;
  return true;
}

bool OneWrapper::wait_for(const std::string& what,
                          const std::function<bool(const wire::InstanceStatus&)>& condition) {
  return e2e::wait_for(what + "; see " + folder(), [&] {
    // Each report is looked at: what holds now may not hold a moment later.
    while (status_.pid == 0 || !condition(status_)) {
      if (!receive()) return false;
    }
    return true;
  });
}

bool OneWrapper::wait_for_reports(size_t count) {
  const size_t wanted = reports_ + count;
  return wait_for("more reports", [&](const auto&) { return reports_ >= wanted; });
}

int OneWrapper::wait_for_exit_or(
    const std::function<bool(const wire::InstanceStatus&)>& condition) {
  bool held = false;
  e2e::wait_for("the end, or what should be; see " + folder(), [&] {
    if (!wrapper_->running()) return true;
    while (receive()) {
    }
    held = status_.pid != 0 && condition(status_);
    return held;
  });
  return held || wrapper_->running() ? -1 : wait_for_exit();
}

int OneWrapper::wait_for_exit() {
  const Outcome outcome = wrapper_->wait(kWaitLimit);
  EXPECT_TRUE(outcome.in_time) << "it does not end";
  wrapper_.reset();
  return outcome.code;
}

}  // namespace weir::e2e
