#include "test/e2e/one_wrapper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "schema/runtime/process_tree.h"
#include "test/e2e/sanitizer.h"
#include "test/e2e/slowdown.h"

namespace weir::e2e {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kLimit{kSlowdown * 20'000};
constexpr int kPollMs = 5;

}  // namespace

OneWrapper::OneWrapper() : context_(1) {
  runtime::become_subreaper();
  EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
  agent_.emplace(std::move(*runtime::ZmqSocket::router(context_, {})));
  EXPECT_TRUE(agent_->bind("ipc://" + path("agent")));
}

OneWrapper::~OneWrapper() {
  if (child_) kill();
  const auto deadline = Clock::now() + kLimit;
  while (runtime::reap_inherited() > 0 && Clock::now() < deadline) ::poll(nullptr, 0, kPollMs);
  EXPECT_EQ(runtime::reap_inherited(), 0) << "something is left";
  EXPECT_EQ(sanitizer_reports(folder_), "");
  if (!::testing::Test::HasFailure()) std::filesystem::remove_all(folder_);
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
  order.working_dir = folder_;
  order.stderr_file = path("stderr");
  return order;
}

void OneWrapper::start(const wire::StartOrder& order, const std::vector<std::string>& more,
                       const std::vector<std::string>& environment) {
  std::ofstream(path("order"), std::ios::binary) << wire::encode_order(order);
  status_ = {};
  peer_.clear();
  runtime::SpawnOptions options;
  options.program = WEIR_WRAPPER;
  options.argv = {WEIR_WRAPPER, "--order", path("order")};
  options.argv.insert(options.argv.end(), more.begin(), more.end());
  options.environment = sanitizer_environment(folder_);
  for (const std::string& one : environment) options.environment.push_back(one);
  const UniqueFd log(::open(path("log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  options.fds = {{log.get(), 1}, {log.get(), 2}};
  auto child = runtime::spawn(options);
  ASSERT_TRUE(child) << child.error().what;
  child_.emplace(std::move(*child));
}

void OneWrapper::kill() {
  EXPECT_TRUE(runtime::signal_pidfd(child_->pidfd, SIGKILL));
  EXPECT_TRUE(runtime::reap_within(*child_, kLimit));
  child_.reset();
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
  if (report == nullptr || !child_ || report->status.pid != child_->pid) return true;
  peer_ = parts.at(0).view();
  status_ = report->status;
  ++reports_;
  return true;
}

bool OneWrapper::wait_for(const std::string& what,
                          const std::function<bool(const wire::InstanceStatus&)>& condition) {
  const auto deadline = Clock::now() + kLimit;
  while (status_.pid == 0 || !condition(status_)) {
    if (receive()) continue;
    if (Clock::now() >= deadline) {
      ADD_FAILURE() << "waited in vain for: " << what << "; see " << folder_;
      return false;
    }
    ::poll(nullptr, 0, kPollMs);
  }
  return true;
}

bool OneWrapper::wait_for_reports(size_t count) {
  const size_t wanted = reports_ + count;
  return wait_for("more reports", [&](const auto&) { return reports_ >= wanted; });
}

int OneWrapper::wait_for_exit_or(
    const std::function<bool(const wire::InstanceStatus&)>& condition) {
  const auto deadline = Clock::now() + kLimit;
  while (Clock::now() < deadline) {
    pollfd ended{child_->pidfd.get(), POLLIN, 0};
    if (::poll(&ended, 1, kPollMs) > 0) return wait_for_exit();
    while (receive()) {
    }
    if (status_.pid != 0 && condition(status_)) return -1;
  }
  ADD_FAILURE() << "neither ended nor as it should be; see " << folder_;
  return -1;
}

int OneWrapper::wait_for_exit() {
  const auto status = runtime::reap_within(*child_, kLimit);
  EXPECT_TRUE(status) << "it does not end";
  child_.reset();
  return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
}

std::string OneWrapper::content(const std::string& name) const {
  std::ifstream file(path(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace weir::e2e
