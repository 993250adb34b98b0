// What the tests of the guard share: a client with an event pump that has a limit, and ways to
// see from outside whether a tree of processes still lives.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schema/runtime/signals.h"
#include "wrapper/action/guard_client.h"

namespace weir::action {

inline constexpr std::chrono::seconds kLimit{20};

class TempDir {
 public:
  TempDir() {
    std::string name = "/tmp/weir-guard-test-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// Waits until `fd` is readable or hung up; false at the limit.
inline bool wait_readable(int fd, std::chrono::milliseconds limit = kLimit) {
  pollfd poll{fd, POLLIN, 0};
  return ::poll(&poll, 1, static_cast<int>(limit.count())) == 1;
}

// Reads up to the end of the file, or to the limit (then the text ends in "(timeout)").
inline std::string read_all(int fd) {
  std::string text;
  while (true) {
    if (!wait_readable(fd)) return text + "(timeout)";
    char buffer[65536];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got == 0) return text;
    if (got < 0 && errno != EAGAIN) return text + "(error)";
    if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
  }
}

inline std::string read_line(int fd) {
  std::string line;
  char byte = 0;
  while (true) {
    if (!wait_readable(fd)) return line + "(timeout)";
    if (::read(fd, &byte, 1) != 1) return line + "(end)";
    if (byte == '\n') return line;
    line += byte;
  }
}

// A named pipe that programs open ("exec 9>$TOKEN"): each process that comes of them holds it, so
// its end of file says that all are dead.
class TreeToken {
 public:
  explicit TreeToken(const TempDir& dir) : path_(dir / "token") {
    EXPECT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    fd_.reset(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  const std::string& path() const { return path_; }
  // What a program writes when it is where the test wants it.
  std::string line() { return read_line(fd_.get()); }
  // Everything up to the end, which comes when nobody holds it.
  std::string rest() { return read_all(fd_.get()); }
  bool has_ended() {
    pollfd poll{fd_.get(), POLLIN, 0};
    return ::poll(&poll, 1, 0) == 1 && (poll.revents & POLLHUP) != 0;
  }

 private:
  std::string path_;
  UniqueFd fd_;
};

inline RunRequest shell(const std::string& command) {
  RunRequest request;
  request.argv = {"sh", "-c", command};
  return request;
}

// A guard with its client, and all of its events so far.
class Rig {
 public:
  explicit Rig(bool use_cgroup = false) : Rig(use_cgroup, "lock") {}
  Rig(bool use_cgroup, const std::string& lock_name) {
    GuardConfig config;
    config.lock_path = dir / lock_name;
    config.use_cgroup = use_cgroup;
    start(config);
  }

  void start(GuardConfig config) {
    client.reset();
    events.clear();
    config.program = GUARD_PROGRAM;
    runtime::ignore_sigpipe();  // A failed write fails the test and not the whole program.
    Result<GuardClient> started = GuardClient::start(config);
    ASSERT_TRUE(started) << started.error().what;
    client.emplace(*std::move(started));
  }

  RunPipes spawn(RunId run, const RunRequest& request) {
    Result<RunPipes> pipes = client->spawn(run, request);
    EXPECT_TRUE(pipes) << pipes.error().what;
    return pipes ? *std::move(pipes) : RunPipes{};
  }

  // The next event of this kind that the filter takes, among all that came or come.
  template <typename Event>
  std::optional<Event> wait(const std::function<bool(const Event&)>& takes = nullptr) {
    const auto deadline = std::chrono::steady_clock::now() + kLimit;
    while (true) {
      while (auto event = client->next_event()) events.push_back(std::move(*event));
      for (auto at = events.begin(); at != events.end(); ++at) {
        const Event* found = std::get_if<Event>(&*at);
        if (found == nullptr || (takes && !takes(*found))) continue;
        Event event = *found;
        events.erase(at);
        return event;
      }
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return std::nullopt;
      wait_readable(client->fd(), left);
    }
  }

  template <typename Event>
  std::optional<Event> wait_for(RunId run) {
    return wait<Event>([run](const Event& event) { return event.run == run; });
  }

  // Runs to the end: stdin closed, the exit awaited, leftovers killed. Returns the wait status.
  int finish(RunId run, RunPipes& pipes) {
    pipes.stdin_write.reset();
    client->close_stdin(run);
    const auto exited = wait_for<RunExited>(run);
    client->end_run(run);
    EXPECT_TRUE(wait_for<RunTreeGone>(run));
    return exited ? exited->wait_status : -1;
  }

  TempDir dir;
  std::optional<GuardClient> client;
  std::vector<GuardEvent> events;
};

inline std::size_t open_fds() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

}  // namespace weir::action
