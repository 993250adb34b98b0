#include "ctl/up/daemons.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "ctl/base/files.h"
#include "schema/runtime/process_tree.h"

namespace weir::ctl {
namespace {

// Where the children get them.
constexpr int kLifelineFd = 3;
constexpr int kLockFd = 4;

// True if this process has no child of any sort, dead or alive.
bool is_childless() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

// Of a line of a log: "2026-01-02T03:04:05.678Z error broker: TEXT". Each is at another time.
std::string without_time(const std::string& line) {
  const size_t level = line.find("Z ");
  return level == std::string::npos || level > 30 ? line : line.substr(level + 2);
}

}  // namespace

std::string last_lines(const std::string& path, uint64_t from, size_t lines) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return "";
  constexpr off_t kTailBytes = 4096;
  const off_t size = ::lseek(fd.get(), 0, SEEK_END);
  const off_t begin = std::max(static_cast<off_t>(from), size - kTailBytes);
  std::string tail(static_cast<size_t>(kTailBytes), '\0');
  const ssize_t count = ::pread(fd.get(), tail.data(), tail.size(), begin);
  tail.resize(count > 0 ? static_cast<size_t>(count) : 0);
  while (!tail.empty() && tail.back() == '\n') tail.pop_back();
  size_t at = tail.size();
  for (size_t i = 0; i < lines && at != std::string::npos && at > 0; ++i) {
    at = tail.rfind('\n', at - 1);
  }
  return at == std::string::npos || at == 0 ? tail : tail.substr(at + 1);
}

Daemons::Daemons(runtime::Loop& loop, DaemonsConfig config, Events events)
    : loop_(loop), config_(std::move(config)), events_(std::move(events)) {}

Daemons::~Daemons() {
  for (const runtime::TimerId timer : timers_) loop_.cancel(timer);
  for (const auto& process : processes_) loop_.unwatch(process->watch);
}

std::string Daemons::broker_endpoint() const {
  return "ipc://" + config_.folder->sockets() + "/broker";
}

Status Daemons::start() {
  foreign_ = runtime::children_of(::getpid());
  runtime::become_subreaper();  // Without it what a dead agent leaves goes to init: less tidy.
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return errno_error("pipe", errno);
  lifeline_read_.reset(fds[0]);
  lifeline_write_.reset(fds[1]);
  if (Status added = add_broker(); !added) return added;
  for (size_t i = 0; i < config_.agents.size(); ++i) {
    if (Status added = add_agent(i); !added) return added;
  }
  // Looked for before anything is started, because agents would only find out one by one.
  for (const char* needed : {"weir-wrapper", "weir-guard"}) {
    if (auto found = runtime::find_program(needed); !found) return std::move(found).error();
  }
  for (const auto& process : processes_) {
    if (Status launched = launch(*process); !launched) return launched;
  }
  timers_.push_back(loop_.every(kReapInterval, [] { runtime::reap_inherited(); }));
  return {};
}

Status Daemons::add_broker() {
  Result<std::string> program = runtime::find_program("weir-broker");
  if (!program) return std::move(program).error();
  auto process = std::make_unique<Process>();
  process->name = "weir-broker";
  process->program = *std::move(program);
  process->args = {"--listen", broker_endpoint(), "--data", config_.folder->path() + "/broker"};
  process->log_file = config_.folder->logs() + "/broker.log";
  processes_.push_back(std::move(process));
  return {};
}

Status Daemons::add_agent(size_t index) {
  Result<std::string> program = runtime::find_program("weir-agent");
  if (!program) return std::move(program).error();
  const std::string& name = config_.agents[index];
  const std::string data = config_.folder->agent(name);
  // Short names: the paths of sockets are.
  const std::string run_dir = config_.folder->sockets() + "/a" + std::to_string(index + 1);
  for (const std::string& folder : {data, run_dir}) {
    if (Status made = make_folder(folder, 0700); !made) return made;
  }
  auto process = std::make_unique<Process>();
  process->name = "weir-agent " + name;
  process->program = *std::move(program);
  process->args = {"--name",         name,
                   "--broker",       broker_endpoint(),
                   "--data",         data,
                   "--run-dir",      run_dir,
                   "--disk-reserve", std::to_string(config_.disk_reserve_bytes) + "B"};
  process->log_file = config_.folder->logs() + "/agent-" + name + ".log";
  processes_.push_back(std::move(process));
  return {};
}

Status Daemons::launch(Process& process) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd log(
      ::open(process.log_file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!null.valid() || !log.valid()) return errno_error("open " + process.log_file, errno);
  const off_t log_end = ::lseek(log.get(), 0, SEEK_END);
  process.log_from = log_end < 0 ? 0 : static_cast<uint64_t>(log_end);
  runtime::SpawnOptions options;
  options.program = process.program;
  options.argv = {process.program};
  options.argv.insert(options.argv.end(), process.args.begin(), process.args.end());
  const std::vector<std::string> common{"--log-level",   config_.log_level,
                                        "--lifeline-fd", std::to_string(kLifelineFd),
                                        "--keep-fd",     std::to_string(kLockFd)};
  options.argv.insert(options.argv.end(), common.begin(), common.end());
  options.fds = {{null.get(), STDIN_FILENO},
                 {log.get(), STDOUT_FILENO},
                 {log.get(), STDERR_FILENO},
                 {lifeline_read_.get(), kLifelineFd},
                 {config_.folder->lock_fd(), kLockFd}};
  options.new_session = true;  // The terminal's signals are weirctl's to handle.
  Result<runtime::Child> child = runtime::spawn(options);
  if (!child) return std::move(child).error();
  process.child.emplace(*std::move(child));
  process.started_at = loop_.now();
  process.pace.started(process.started_at);
  process.watch = loop_.watch_fd(process.child->pidfd.get(), runtime::Interest::kRead,
                                 [this, &process](runtime::Ready) { on_end(process); });
  return {};
}

void Daemons::on_end(Process& process) {
  const Result<std::optional<int>> status = runtime::try_reap(process.child->pid);
  if (status && !status->has_value()) return;
  loop_.unwatch(process.watch);
  process.child.reset();
  if (stopping_) return;
  std::string how = status ? runtime::describe_wait_status(**status) : status.error().what;
  const std::string last = last_lines(process.log_file, process.log_from, 1);
  const bool was_killed = status && WIFSIGNALED(**status) && WTERMSIG(**status) == SIGKILL;
  // Who was killed has not said why.
  if (!was_killed && !last.empty()) how += ": " + without_time(last);
  const auto pause = process.pace.ended(was_killed, std::chrono::steady_clock::now());
  if (!pause) {
    return events_.on_hopeless(
        Error{ErrorCode::kUnavailable, process.name + " ends again and again (" + how + "): see " +
                                           process.log_file + "\n" +
                                           last_lines(process.log_file, process.log_from, 5)});
  }
  // The same reason again at once is no news: if it stays so it ends with that.
  const bool lived = loop_.now() - process.started_at >= RestartPace::kUpLongEnough;
  if (std::exchange(process.told, how) != how || lived) {
    events_.on_note(process.name + " ended (" + how + ") and is started again");
  }
  timers_.push_back(loop_.after(*pause, [this, &process] {
    if (stopping_) return;
    if (Status launched = launch(process); !launched) events_.on_hopeless(launched.error());
  }));
}

void Daemons::stop() {
  if (stopping_) return;
  stopping_ = true;
  lifeline_write_.reset();
  stop_at_ = std::chrono::steady_clock::now();
  timers_.push_back(loop_.every(kStopLook, [this] { look_if_gone(); }));
}

void Daemons::look_if_gone() {
  runtime::reap_inherited();
  if (is_alone()) return events_.on_gone(true);
  const auto waited = std::chrono::steady_clock::now() - stop_at_;
  if (waited >= kStopWait && !killed_) {
    killed_ = true;
    kill_all();
  }
  if (waited >= kStopWait + kKillWait) events_.on_gone(false);
}

bool Daemons::is_foreign(pid_t child) const {
  return std::find(foreign_.begin(), foreign_.end(), child) != foreign_.end();
}

bool Daemons::is_alone() {
  if (is_childless()) return true;
  const std::vector<pid_t> children = runtime::children_of(::getpid());
  const bool none = std::all_of(children.begin(), children.end(),
                                [this](pid_t child) { return is_foreign(child); });
  // A list of children is no snapshot: it has to say so twice.
  alone_looks_ = none ? alone_looks_ + 1 : 0;
  return alone_looks_ >= 2;
}

void Daemons::kill_all() const {
  runtime::kill_trees([this](pid_t child) { return !is_foreign(child); });
}

}  // namespace weir::ctl
