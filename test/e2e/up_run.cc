#include "test/e2e/up_run.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "schema/runtime/process_tree.h"
#include "test/e2e/sanitizer.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Between two looks at a condition that nothing announces.
constexpr std::chrono::milliseconds kLook{5};

int next_number() {
  static int number = 0;
  return ++number;
}

}  // namespace

bool wait_until(const std::string& what, const std::function<bool()>& condition,
                std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() >= deadline) {
      ADD_FAILURE() << "waited in vain: " << what;
      return false;
    }
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

UpFolder::UpFolder() {
  std::string pattern = "/tmp/weir-up-e2e-XXXXXX";
  path_ = ::mkdtemp(pattern.data());
}

UpFolder::~UpFolder() {
  EXPECT_EQ(sanitizer_reports(path_), "");
  if (testing::Test::HasFailure()) {
    std::fprintf(stderr, "left for a look: %s\n", path_.c_str());
  } else {
    fs::remove_all(path_);
  }
}

void UpFolder::write(const std::string& name, const std::string& text, unsigned mode) const {
  std::ofstream(path(name), std::ios::binary) << text;
  ::chmod(path(name).c_str(), mode);
}

std::vector<std::string> UpFolder::left() const {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(path_)) {
    if (entry.path().filename().string().starts_with("weir-up-")) found.push_back(entry.path());
  }
  return found;
}

std::vector<pid_t> UpFolder::processes(const std::string& program) const {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string command = read_file(entry.path().string() + "/cmdline");
    const std::string first = command.substr(0, command.find('\0'));
    const std::string base = first.substr(first.rfind('/') + 1);
    if (base.starts_with(program) && command.find(path_) != std::string::npos) {
      found.push_back(std::stoi(name));
    }
  }
  return found;
}

UpRun::UpRun(const UpFolder& folder, const UpHow& how) {
  const std::string number = std::to_string(next_number());
  out_ = how.stdout_to.empty() ? folder.path("out-" + number) : how.stdout_to;
  err_ = folder.path("err-" + number);
  runtime::SpawnOptions options;
  // A shell goes to the folder first: posix_spawn has no way to say so.
  options.program = "/bin/sh";
  options.argv = {"sh",    "-c", R"(cd "$1" && shift && exec "$@")", "sh", folder.path(),
                  WEIRCTL, "up"};
  options.argv.insert(options.argv.end(), how.args.begin(), how.args.end());
  options.environment = sanitizer_environment(folder.path());
  options.environment.push_back("TMPDIR=" + folder.path());
  options.new_group = true;

  UniqueFd in;
  if (how.stdin_text) {
    folder.write("in-" + number, *how.stdin_text);
    in.reset(::open(folder.path("in-" + number).c_str(), O_RDONLY | O_CLOEXEC));
  } else {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    in.reset(ends[0]);
    stdin_.reset(ends[1]);
  }
  UniqueFd out;
  if (how.stdout_pipe) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    stdout_.reset(ends[0]);
    out.reset(ends[1]);
  } else {
    out.reset(::open(out_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  }
  const UniqueFd err(::open(err_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  options.fds = {{in.get(), 0}, {out.get(), 1}, {err.get(), 2}};
  auto child = runtime::spawn(options);
  EXPECT_TRUE(child) << child.error().what;
  child_ = std::move(*child);
}

UpRun::~UpRun() {
  if (status_) return;
  runtime::kill_trees([this](pid_t pid) { return pid == child_.pid; });
  (void)runtime::reap_within(child_, kUpLimit);
}

void UpRun::feed(const std::string& text) const {
  size_t at = 0;
  while (at < text.size()) {
    const ssize_t count = ::write(stdin_.get(), text.data() + at, text.size() - at);
    ASSERT_GT(count, 0);
    at += static_cast<size_t>(count);
  }
}

std::string UpRun::read_stdout(size_t bytes) {
  std::string text;
  char buffer[65536];
  const auto deadline = Clock::now() + kUpLimit;
  while (text.size() < bytes && Clock::now() < deadline) {
    pollfd poll{stdout_.get(), POLLIN, 0};
    if (::poll(&poll, 1, 100) <= 0) continue;
    const ssize_t count =
        ::read(stdout_.get(), buffer, std::min(sizeof buffer, bytes - text.size()));
    if (count <= 0) break;
    text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

void UpRun::signal(int number) const { EXPECT_EQ(::kill(child_.pid, number), 0); }

int UpRun::wait(std::chrono::milliseconds limit) {
  if (status_) return *status_;
  const Result<int> status = runtime::reap_within(child_, limit);
  if (!status) return -1;
  status_ = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
  return *status_;
}

bool UpRun::is_running() { return !status_ && wait(std::chrono::milliseconds(0)) == -1; }

UpOutcome run_up(const UpFolder& folder, const UpHow& how) {
  UpRun run(folder, how);
  run.end_stdin();
  UpOutcome outcome;
  outcome.code = run.wait();
  if (how.stdout_to.empty()) outcome.out = run.out();
  outcome.err = run.err();
  return outcome;
}

}  // namespace weir::e2e
