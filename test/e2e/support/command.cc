#include "test/e2e/support/command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "test/e2e/support/text.h"

namespace weir::e2e {
namespace {

using Clock = std::chrono::steady_clock;

bool readable_within(int fd, Limit limit) {
  const auto deadline = Clock::now() + limit;
  while (true) {
    const auto left = std::chrono::duration_cast<Limit>(deadline - Clock::now()).count();
    pollfd item{fd, POLLIN, 0};
    if (::poll(&item, 1, static_cast<int>(std::max<long long>(left, 0))) > 0) return true;
    if (left <= 0) return false;
  }
}

UniqueFd opened(const std::string& file, int flags) {
  return UniqueFd(::open(file.c_str(), flags | O_CLOEXEC, 0600));
}

struct Pipe {
  UniqueFd reading;
  UniqueFd writing;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

Command Command::start(const CommandOptions& options, const std::string& folder) {
  Command command;
  command.err_file_ = options.stderr_file;
  const UniqueFd err = opened(command.err_file_, O_WRONLY | O_CREAT | O_APPEND);
  Pipe in;
  if (options.stdin_pipe) {
    in = make_pipe();
    command.stdin_ = std::move(in.writing);
  } else if (options.stdin_fd < 0) {
    in.reading = opened(options.stdin_file, O_RDONLY);
  }
  Pipe out;
  if (options.stdout_pipe) {
    out = make_pipe();
    command.stdout_ = std::move(out.reading);
  } else if (options.stdout_fd < 0) {
    command.out_file_ = options.stdout_file;
    out.writing = opened(command.out_file_, O_WRONLY | O_CREAT | O_TRUNC);
  }

  runtime::SpawnOptions spawn;
  spawn.program = "/usr/bin/env";
  spawn.argv = {"env", "-C", options.working_dir.empty() ? folder : options.working_dir};
  // Not in the environment of env itself: what is loaded in front of a program may trip it.
  spawn.argv.insert(spawn.argv.end(), options.environment.begin(), options.environment.end());
  spawn.argv.insert(spawn.argv.end(), options.argv.begin(), options.argv.end());
  spawn.fds = {{options.stdin_fd < 0 ? in.reading.get() : options.stdin_fd, 0},
               {options.stdout_fd < 0 ? out.writing.get() : options.stdout_fd, 1},
               {err.get(), 2}};
  spawn.fds.insert(spawn.fds.end(), options.fds.begin(), options.fds.end());
  spawn.new_group = true;
  auto child = runtime::spawn(spawn);
  if (!child) {
    ADD_FAILURE() << child.error().what;
    std::abort();
  }
  command.child_ = *std::move(child);
  return command;
}

Command::Command(Command&& other) noexcept
    : child_{std::exchange(other.child_.pid, 0), std::move(other.child_.pidfd)},
      stdin_(std::move(other.stdin_)),
      stdout_(std::move(other.stdout_)),
      out_file_(std::move(other.out_file_)),
      err_file_(std::move(other.err_file_)) {}

Command& Command::operator=(Command&& other) noexcept {
  Command old(std::move(*this));
  child_ = {std::exchange(other.child_.pid, 0), std::move(other.child_.pidfd)};
  stdin_ = std::move(other.stdin_);
  stdout_ = std::move(other.stdout_);
  out_file_ = std::move(other.out_file_);
  err_file_ = std::move(other.err_file_);
  return *this;
}

Command::~Command() {
  if (child_.pid == 0) return;
  ::kill(-child_.pid, SIGKILL);
  (void)runtime::reap_within(child_, kWaitLimit);
}

bool Command::running() const {
  return child_.pid != 0 && !readable_within(child_.pidfd.get(), Limit(0));
}

void Command::signal(int number) const {
  if (child_.pid != 0) (void)runtime::signal_pidfd(child_.pidfd, number);
}

void Command::kill() {
  signal(SIGKILL);
  EXPECT_TRUE(wait().in_time);
}

Outcome Command::wait(Limit limit) {
  Outcome outcome;
  outcome.in_time = readable_within(child_.pidfd.get(), limit);
  if (!outcome.in_time) ::kill(-child_.pid, SIGKILL);
  const Result<int> status = runtime::reap_within(child_, kWaitLimit);
  EXPECT_TRUE(status) << "a killed process does not end";
  child_.pid = 0;
  if (status) outcome.code = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
  outcome.out = out_so_far();
  outcome.err = err_so_far();
  return outcome;
}

void Command::feed(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::write(stdin_.get(), bytes.data(), bytes.size());
    ASSERT_GT(count, 0);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

std::string Command::read_stdout(size_t bytes) const {
  std::string text;
  char buffer[65536];
  const auto deadline = Clock::now() + kWaitLimit;
  while (text.size() < bytes) {
    const auto left = std::chrono::duration_cast<Limit>(deadline - Clock::now());
    if (!readable_within(stdout_.get(), left)) break;
    const ssize_t count =
        ::read(stdout_.get(), buffer, std::min(sizeof buffer, bytes - text.size()));
    if (count <= 0) break;
    text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

std::string Command::out_so_far() const { return out_file_.empty() ? "" : read_file(out_file_); }
std::string Command::err_so_far() const { return read_file(err_file_); }

}  // namespace weir::e2e
