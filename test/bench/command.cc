#include "test/bench/command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>

#include "schema/runtime/process_tree.h"
#include "test/bench/bench.h"

namespace weir::bench {
namespace {

constexpr int kLookMs = 5;
constexpr size_t kErrorTail = 2000;

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

volatile std::sig_atomic_t interrupted = 0;

void throw_if_interrupted() {
  if (interrupted != 0) throw Interrupted();
}

UniqueFd open_to_write(const std::string& path) {
  const char* name = path.empty() ? "/dev/null" : path.c_str();
  UniqueFd file(::open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) throw Failed("cannot open " + path);
  return file;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!(file << text) || !file.flush()) throw Failed("cannot write " + path);
}

void wait_until(const std::string& what, std::chrono::seconds limit,
                const std::function<bool()>& condition, std::chrono::milliseconds look) {
  const auto start = Clock::now();
  while (!condition()) {
    throw_if_interrupted();
    if (Clock::now() - start > limit) throw Failed("waited in vain: " + what);
    ::poll(nullptr, 0, static_cast<int>(look.count()));
  }
}

Running::Running(Command command) : command_(std::move(command)) {
  const UniqueFd in(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd out = open_to_write(command_.stdout_to);
  const UniqueFd err = open_to_write(command_.stderr_to);
  runtime::SpawnOptions options;
  options.program = command_.argv.at(0);
  options.argv = command_.argv;
  options.environment = command_.environment;
  options.fds = {{in.get(), 0}, {out.get(), 1}, {err.get(), 2}};
  started_ = Clock::now();
  auto child = runtime::spawn(options);
  if (!child) throw Failed(child.error().what);
  child_ = std::move(*child);
}

Running::~Running() {
  if (ended_ || reap(WNOHANG)) return;
  runtime::kill_trees([this](pid_t pid) { return pid == child_.pid; });
  reap(0);
}

bool Running::reap(int flags) {
  if (ended_) return true;
  rusage used{};
  const pid_t got = ::wait4(child_.pid, &status_, flags, &used);
  if (got != child_.pid) return false;
  ended_ = true;
  usage_ = {seconds_since(started_), seconds(used.ru_utime) + seconds(used.ru_stime)};
  return true;
}

bool Running::has_ended() { return reap(WNOHANG); }

void Running::terminate(std::chrono::seconds limit) {
  (void)runtime::signal_pidfd(child_.pidfd, SIGTERM);
  wait_until(command_.argv.at(0) + " ends after SIGTERM", limit, [this] { return reap(WNOHANG); });
}

Usage Running::wait(std::chrono::seconds limit, const std::function<void()>& look) {
  const auto deadline = started_ + limit;
  while (!ended_) {
    // The pidfd wakes us at once, so that the clock is exact.
    pollfd end{child_.pidfd.get(), POLLIN, 0};
    ::poll(&end, 1, look ? kLookMs : 1000);
    throw_if_interrupted();
    if (reap(WNOHANG)) break;
    if (Clock::now() > deadline) {
      throw Failed(command_.argv.at(0) + " did not end within " + std::to_string(limit.count()) +
                   " s");
    }
    if (look) look();
  }
  if (status_ != 0) {
    std::string said = read_file(command_.stderr_to);
    said.erase(0, said.size() - std::min(said.size(), kErrorTail));
    throw Failed(command_.argv.at(0) + ": " + runtime::describe_wait_status(status_) + "\n" + said);
  }
  return usage_;
}

Usage run(const Command& command, std::chrono::seconds limit) {
  return Running(command).wait(limit);
}

Printed run_shell(const std::string& line, const std::string& out_file,
                  std::chrono::seconds limit) {
  Command command;
  command.argv = {"/bin/sh", "-c", line};
  command.stdout_to = out_file;
  command.stderr_to = out_file + ".err";
  const Usage usage = run(command, limit);
  return {usage, read_file(out_file)};
}

}  // namespace weir::bench
