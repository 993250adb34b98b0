#include "test/e2e/support/scene.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "schema/runtime/process_tree.h"
#include "test/e2e/support/sanitizer.h"
#include "test/e2e/support/text.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMarkName = "WEIR_TEST_MARK";

std::string words_of(std::string bytes) {
  while (!bytes.empty() && bytes.back() == '\0') bytes.pop_back();
  for (char& byte : bytes) byte = byte == '\0' ? ' ' : byte;
  return bytes;
}

}  // namespace

size_t peak_kb(pid_t pid) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
  const size_t at = status.find("VmHWM:");
  return at == std::string::npos ? 0 : std::stoul(status.substr(at + 6));
}

size_t descriptors(pid_t pid) {
  std::error_code ignored;
  const fs::directory_iterator all("/proc/" + std::to_string(pid) + "/fd", ignored);
  return static_cast<size_t>(std::distance(all, fs::directory_iterator()));
}

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
  if (options.stdout_file.empty()) options.stdout_file = path("stdout." + number);
  if (options.stderr_file.empty()) options.stderr_file = path("stderr." + number);
  std::vector<std::string> environment = sanitizer_environment(folder_);
  environment.insert(environment.end(), {mark_, "LC_ALL=C", "TMPDIR=" + path("tmp")});
  environment.insert(environment.end(), options.environment.begin(), options.environment.end());
  options.environment = std::move(environment);
  return Command::start(options, folder_);
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
