#include "test/e2e/harness.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include "schema/runtime/process.h"
#include "schema/runtime/process_tree.h"
#include "test/e2e/sanitizer.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kLookEveryMs = 5;
constexpr size_t kExcerptBytes = 200;
constexpr const char* kMarkName = "WEIR_TEST_MARK";

bool readable_within(int fd, Limit limit) {
  const auto deadline = Clock::now() + limit;
  while (true) {
    const auto left = std::chrono::duration_cast<Limit>(deadline - Clock::now()).count();
    pollfd item{fd, POLLIN, 0};
    if (::poll(&item, 1, static_cast<int>(std::max<long long>(left, 0))) > 0) return true;
    if (left <= 0) return false;
  }
}

std::string words_of(std::string bytes) {
  while (!bytes.empty() && bytes.back() == '\0') bytes.pop_back();
  for (char& byte : bytes) byte = byte == '\0' ? ' ' : byte;
  return bytes;
}

}  // namespace

// ---- command

Command::Command(Command&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      pidfd_(std::move(other.pidfd_)),
      out_file_(std::move(other.out_file_)),
      err_file_(std::move(other.err_file_)) {}

Command& Command::operator=(Command&& other) noexcept {
  Command old(std::move(*this));
  pid_ = std::exchange(other.pid_, 0);
  pidfd_ = std::move(other.pidfd_);
  out_file_ = std::move(other.out_file_);
  err_file_ = std::move(other.err_file_);
  return *this;
}

Command::~Command() {
  if (pid_ == 0) return;
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Command::running() const { return pid_ != 0 && !readable_within(pidfd_.get(), Limit(0)); }

void Command::signal(int number) const {
  if (pid_ != 0) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

Outcome Command::wait(Limit limit) {
  Outcome outcome;
  outcome.in_time = readable_within(pidfd_.get(), limit);
  if (!outcome.in_time) ::kill(-pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = 0;
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (!out_file_.empty()) outcome.out = read_file(out_file_);
  outcome.err = read_file(err_file_);
  return outcome;
}

std::string Command::out_so_far() const { return read_file(out_file_); }
std::string Command::err_so_far() const { return read_file(err_file_); }

// ---- scene

Scene::Scene() {
  std::string pattern = fs::temp_directory_path().string() + "/weir-suite-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  folder_ = pattern;
  mark_ = std::string(kMarkName) + "=" + folder_;
  fs::create_directory(path("tmp"));
}

Scene::~Scene() {
  kill_all();
  EXPECT_EQ(sanitizer_reports(folder_), "");
  if (!::testing::Test::HasFailure()) {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
}

std::string Scene::write(const std::string& name, std::string_view bytes, int mode) const {
  std::ofstream(path(name), std::ios::binary) << bytes;
  ::chmod(path(name).c_str(), static_cast<mode_t>(mode));
  return path(name);
}

std::string Scene::read(const std::string& name) const { return read_file(path(name)); }

std::string Scene::make_folder(const std::string& name) const {
  fs::create_directories(path(name));
  return path(name);
}

Command Scene::start(CommandOptions options) {
  const std::string number = std::to_string(++commands_);
  Command command;
  command.err_file_ = path("stderr." + number);
  const auto opened = [](const std::string& file, int flags) {
    return UniqueFd(::open(file.c_str(), flags | O_CLOEXEC, 0600));
  };
  const int writing = O_WRONLY | O_CREAT | O_TRUNC;
  const UniqueFd err = opened(command.err_file_, writing);
  UniqueFd in;
  UniqueFd out;
  if (options.stdin_fd < 0) in = opened(options.stdin_file, O_RDONLY);
  if (options.stdout_fd < 0) out = opened(command.out_file_ = path("stdout." + number), writing);

  runtime::SpawnOptions spawn;
  spawn.program = "/usr/bin/env";
  const std::string& folder = options.working_dir.empty() ? folder_ : options.working_dir;
  spawn.argv = {"env", "-C", folder};
  spawn.argv.insert(spawn.argv.end(), options.argv.begin(), options.argv.end());
  spawn.environment = sanitizer_environment(folder_);
  spawn.environment.insert(spawn.environment.end(), {mark_, "LC_ALL=C", "TMPDIR=" + path("tmp")});
  spawn.environment.insert(spawn.environment.end(), options.environment.begin(),
                           options.environment.end());
  spawn.fds = {{options.stdin_fd < 0 ? in.get() : options.stdin_fd, 0},
               {options.stdout_fd < 0 ? out.get() : options.stdout_fd, 1},
               {err.get(), 2}};
  spawn.new_group = true;
  static std::mutex one_at_a_time;  // It keeps account of our children.
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  auto child = runtime::spawn(spawn);
  if (!child) {
    ADD_FAILURE() << child.error().what;
    std::abort();
  }
  command.pid_ = child->pid;
  command.pidfd_ = std::move(child->pidfd);
  return command;
}

Outcome Scene::run(CommandOptions options, Limit limit) {
  return start(std::move(options)).wait(limit);
}

CommandOptions Scene::weirctl(std::vector<std::string> words) const {
  CommandOptions options;
  options.argv = {WEIRCTL};
  options.argv.insert(options.argv.end(), words.begin(), words.end());
  return options;
}

CommandOptions Scene::up(std::vector<std::string> words) const {
  words.insert(words.begin(), "up");
  return weirctl(std::move(words));
}

CommandOptions Scene::shell(const std::string& script) const {
  CommandOptions options;
  options.argv = {"sh", "-c", script};
  return options;
}

std::vector<Process> Scene::processes() const {
  std::vector<Process> found;
  std::error_code failure;
  for (fs::directory_iterator it("/proc", failure), end; it != end; it.increment(failure)) {
    const std::string name = it->path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string environment = read_file("/proc/" + name + "/environ");
    const size_t at = environment.find(mark_);
    if (at == std::string::npos || environment.c_str() + at != mark_) continue;
    const auto stat = runtime::process_stat(static_cast<pid_t>(std::stol(name)));
    if (!stat || stat->state == 'Z') continue;
    found.push_back({stat->pid, stat->parent, words_of(read_file("/proc/" + name + "/cmdline"))});
  }
  return found;
}

std::vector<Process> Scene::processes_with(const std::string& text) const {
  std::vector<Process> found = processes();
  std::erase_if(found, [&](const Process& process) {
    return process.command.find(text) == std::string::npos;
  });
  return found;
}

std::optional<pid_t> Scene::wrapper(const std::string& node) const {
  for (const Process& process : processes_with("weir-wrapper ")) {
    if (process.command.find("." + node + ".0.order") != std::string::npos) return process.pid;
  }
  return std::nullopt;
}

std::optional<pid_t> Scene::guard(const std::string& node) const {
  const std::optional<pid_t> parent = wrapper(node);
  if (!parent) return std::nullopt;
  for (const Process& process : processes_with("weir-guard")) {
    if (process.parent == *parent) return process.pid;
  }
  return std::nullopt;
}

std::optional<pid_t> Scene::program(const std::string& node) const {
  const std::optional<pid_t> parent = guard(node);
  if (!parent) return std::nullopt;
  for (const pid_t child : runtime::children_of(*parent)) {
    const auto stat = runtime::process_stat(child);
    if (stat && stat->state != 'Z') return child;
  }
  return std::nullopt;
}

std::string Scene::leftovers(bool data_may_stay) const {
  std::string wrong;
  if (!wait_until([this] { return processes().empty(); }, kSlowdown * Limit(10'000))) {
    for (const Process& process : processes()) {
      wrong += "process " + std::to_string(process.pid) + ": " + process.command + "\n";
    }
  }
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder_)) {
    if (entry.is_socket()) wrong += "socket " + entry.path().string() + "\n";
  }
  if (data_may_stay) return wrong;
  for (const fs::directory_entry& entry : fs::directory_iterator(path("tmp"))) {
    wrong += "folder " + entry.path().string() + "\n";
  }
  return wrong;
}

void Scene::kill_all() const {
  const auto kill_those = [this] {
    const std::vector<Process> left = processes();
    for (const Process& process : left) ::kill(process.pid, SIGKILL);
    return left.empty();
  };
  wait_until(kill_those, kSlowdown * Limit(10'000));
}

// ---- small things

bool wait_until(const std::function<bool()>& condition, Limit limit) {
  const auto deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    ::poll(nullptr, 0, kLookEveryMs);
  }
  return true;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

std::string quoted(const std::string& command) {
  std::string text = "'";
  for (const char byte : command) {
    if (byte == '\'' || byte == '\\') text += '\\';
    text += byte;
  }
  return text + "'";
}

std::string excerpt(std::string_view bytes) {
  std::string text = std::to_string(bytes.size()) + " bytes: ";
  for (const char byte : bytes.substr(0, kExcerptBytes)) {
    if (byte == '\n') {
      text += "\\n";
    } else if (static_cast<unsigned char>(byte) < ' ' || static_cast<unsigned char>(byte) > '~') {
      text += '?';
    } else {
      text += byte;
    }
  }
  return bytes.size() > kExcerptBytes ? text + "..." : text;
}

std::string difference(std::string_view expected, std::string_view actual) {
  if (expected == actual) return "";
  const auto [left, right] =
      std::mismatch(expected.begin(), expected.end(), actual.begin(), actual.end());
  const auto at = static_cast<size_t>(left - expected.begin());
  const size_t from = at < 40 ? 0 : at - 40;
  return "differs at byte " + std::to_string(at) + "\n  expected " +
         std::to_string(expected.size()) + " bytes, there " +
         excerpt(expected.substr(std::min(from, expected.size()))) + "\n  actual   " +
         std::to_string(actual.size()) + " bytes, there " +
         excerpt(actual.substr(std::min(from, actual.size())));
}

void in_parallel(const std::vector<std::function<void()>>& jobs, size_t threads) {
  std::atomic<size_t> next{0};
  std::vector<std::thread> workers;
  for (size_t i = 0; i < std::min(threads, jobs.size()); ++i) {
    workers.emplace_back([&] {
      for (size_t job = next++; job < jobs.size(); job = next++) jobs[job]();
    });
  }
  for (std::thread& worker : workers) worker.join();
}

uint64_t seed_from_environment(uint64_t otherwise) {
  const char* text = std::getenv("WEIR_TEST_SEED");  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace weir::e2e
