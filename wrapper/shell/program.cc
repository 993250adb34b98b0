#include "wrapper/shell/program.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "schema/base/log.h"
#include "schema/graph/builtin.h"
#include "schema/runtime/process.h"
#include "wrapper/shell/pipe_writers.h"

namespace weir::shell {

using runtime::Interest;
using runtime::Ready;

namespace {

constexpr size_t kPiecesAtOnce = 64;

// One that is not there is looked for once more by the guard, which says so.
std::vector<std::string> builtin_argv(const graph::NodeSpec& node) {
  const std::string program = graph::builtin_program(node.action);
  const Result<std::string> found = runtime::find_program(program);
  std::vector<std::string> argv{found ? *found : program};
  for (const auto& [name, values] : node.settings) {
    for (const std::string& value : values) {
      argv.push_back("--" + name);
      argv.back().append("=").append(value);
    }
  }
  if (node.delimiter == '\0') argv.emplace_back("--delimiter=nul");
  return argv;
}

void drop_fed(std::deque<SharedBytes>& to_feed, size_t bytes) {
  while (bytes > 0) {
    SharedBytes& front = to_feed.front();
    if (bytes < front.size) {
      front = front.sub(bytes, front.size - bytes);
      return;
    }
    bytes -= front.size;
    to_feed.pop_front();
  }
}

}  // namespace

Program::Program(runtime::Loop& loop, const wire::StartOrder& order, std::vector<int> keep_fds,
                 std::optional<mode_t> umask, Events events)
    : loop_(loop),
      order_(order),
      keep_fds_(std::move(keep_fds)),
      umask_(umask),
      events_(std::move(events)),
      stderr_(order.stderr_file, order.log_limit_bytes) {}

Program::~Program() {
  if (run_) {
    loop_.unwatch(run_->stdin_watch);
    loop_.unwatch(run_->stdout_watch);
    loop_.unwatch(run_->stderr_watch);
  }
  loop_.unwatch(guard_watch_);
}

Status Program::start_guard() {
  action::GuardConfig config;
  config.lock_path = order_.log_dir + "/guard.lock";
  config.keep_fds = keep_fds_;
  config.umask = umask_;
  Result<action::GuardClient> guard = action::GuardClient::start(std::move(config));
  if (!guard) return std::move(guard).error();
  guard_.emplace(*std::move(guard));
  guard_watch_ = loop_.watch_fd(guard_->fd(), Interest::kRead, [this](Ready) { on_guard_event(); });
  return {};
}

std::vector<std::string> Program::argv() const {
  const graph::NodeSpec& node = order_.node;
  if (graph::is_builtin(node.action)) return builtin_argv(node);
  std::vector<std::string> argv;
  if (node.buffering == graph::Buffering::kLine) argv = {"stdbuf", "-oL"};
  if (!node.run.empty()) {
    argv.insert(argv.end(), {"/bin/sh", "-c", node.run});
    return argv;
  }
  argv.push_back(node.action);
  argv.insert(argv.end(), node.args.begin(), node.args.end());
  return argv;
}

void Program::start_run(const core::RunOrder& order) {
  if (stopping_) return;
  if (run_) {
    waiting_ = WaitingRun{order, {}, false, false};
    return;
  }
  action::RunRequest request;
  request.argv = argv();
  const auto set = [&](const std::string& name, const std::string& value) {
    std::string& entry = request.environment.emplace_back(name);
    entry.append("=").append(value);
  };
  if (order_.node.buffering == graph::Buffering::kLine) set("PYTHONUNBUFFERED", "1");
  for (const auto& [name, value] : order_.node.env) set(name, value);
  for (const auto& [name, value] : order.env) set(name, value);
  request.working_directory = order_.working_dir;
  request.wants_stdin = order.wants_stdin;
  stderr_.clear_tail();
  run_.emplace();
  run_->id = action::RunId{next_run_++};
  Result<action::RunPipes> pipes = guard_->spawn(run_->id, request);
  events_.on_begun(pipes ? "" : pipes.error().what);
  if (!pipes) {
    run_->end = core::RunEnd{core::RunEnd::Kind::kLost, 0, pipes.error().what, ""};
    run_->stdout_ended = run_->tree_gone = true;
    loop_.post([this] { check_over(); });
    return;
  }
  run_->pipes = *std::move(pipes);
  watch_run();
}

void Program::watch_run() {
  ProgramRun& run = *run_;
  if (run.pipes.stdin_write.valid()) {
    run.stdin_watch =
        loop_.watch_fd(run.pipes.stdin_write.get(), Interest::kNone, [this](Ready) { flush(); });
  }
  run.stdout_watch = loop_.watch_fd(run.pipes.stdout_read.get(), Interest::kRead,
                                    [this](Ready) { read_output(); });
  run.stderr_watch = loop_.watch_fd(run.pipes.stderr_read.get(), Interest::kRead,
                                    [this](Ready) { read_stderr(); });
}

// ---- stdin

void Program::feed(const SharedBytes& bytes) {
  if (bytes.size == 0) return;
  if (waiting_) {
    waiting_->to_feed.push_back(bytes);
  } else if (run_ && !run_->killed) {
    run_->to_feed.push_back(bytes);
  }
}

void Program::close_stdin() {
  if (waiting_) {
    waiting_->close_when_fed = true;
  } else if (run_ && !run_->killed) {
    run_->close_when_fed = true;
  }
}

bool Program::flush() {
  if (!run_ || run_->killed || !run_->pipes.stdin_write.valid()) return false;
  ProgramRun& run = *run_;
  size_t written_in_all = 0;
  bool broken = false;
  while (!run.to_feed.empty()) {
    // Small pieces go together: a call for each would cost more than its bytes.
    std::array<iovec, kPiecesAtOnce> pieces;
    const size_t count = std::min(pieces.size(), run.to_feed.size());
    for (size_t i = 0; i < count; ++i) {
      const SharedBytes& bytes = run.to_feed[i];
      pieces[i] = {const_cast<uint8_t*>(bytes.data), bytes.size};
    }
    const ssize_t written =
        ::writev(run.pipes.stdin_write.get(), pieces.data(), static_cast<int>(count));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      broken = errno != EAGAIN;
      break;
    }
    written_in_all += static_cast<size_t>(written);
    drop_fed(run.to_feed, static_cast<size_t>(written));
  }
  if (broken) {
    // EPIPE: the program reads no more. That is its right (R8).
    run.to_feed.clear();
    end_stdin();
    events_.on_stdin_broken();
    return true;
  }
  loop_.set_interest(run.stdin_watch, run.to_feed.empty() ? Interest::kNone : Interest::kWrite);
  if (written_in_all > 0) events_.on_fed(written_in_all);
  if (run.to_feed.empty() && run.close_when_fed) end_stdin();
  return written_in_all > 0;
}

void Program::end_stdin() {
  ProgramRun& run = *run_;
  if (!run.pipes.stdin_write.valid()) return;
  loop_.unwatch(run.stdin_watch);
  run.pipes.stdin_write.reset();
  if (guard_) guard_->close_stdin(run.id);
}

// ---- stdout and stderr

void Program::read_output() {
  if (!run_) return;
  ProgramRun& run = *run_;
  while (!run.stdout_ended && run.pipes.stdout_read.valid()) {
    uint8_t dropped[4096];
    const std::span<uint8_t> space =
        run.killed ? std::span<uint8_t>(dropped) : events_.output_space();
    if (space.empty()) {
      loop_.set_interest(run.stdout_watch, Interest::kNone);
      return;
    }
    const ssize_t got = ::read(run.pipes.stdout_read.get(), space.data(), space.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      loop_.set_interest(run.stdout_watch, Interest::kRead);
      return;
    }
    if (got <= 0) {
      run.stdout_ended = true;
      loop_.unwatch(run.stdout_watch);
      break;
    }
    if (run.killed) continue;
    run.quiet_since = loop_.now();
    events_.on_output(static_cast<size_t>(got));
    // A short read emptied the pipe: look at everything else before asking again.
    if (static_cast<size_t>(got) < space.size()) {
      loop_.set_interest(run.stdout_watch, Interest::kRead);
      return;
    }
  }
  check_over();
}

void Program::resume_output() {
  if (!run_ || run_->stdout_ended || !run_->pipes.stdout_read.valid() || run_->killed) return;
  const bool room = !events_.output_space().empty();
  loop_.set_interest(run_->stdout_watch, room ? Interest::kRead : Interest::kNone);
}

void Program::read_stderr() {
  if (!run_ || !run_->pipes.stderr_read.valid()) return;
  char buffer[16 << 10];
  // A bounded number of reads: a program that floods its stderr must not stop everything else.
  for (int i = 0; i < 4; ++i) {
    const ssize_t got = ::read(run_->pipes.stderr_read.get(), buffer, sizeof buffer);
    if (got > 0) {
      stderr_.append({buffer, static_cast<size_t>(got)});
      continue;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    loop_.unwatch(run_->stderr_watch);
    run_->pipes.stderr_read.reset();
    return;
  }
}

void Program::close_stdout() {
  if (waiting_) {
    waiting_->close_stdout = true;
  } else if (run_ && !run_->killed) {
    end_stdout();
  }
}

void Program::end_stdout() {
  ProgramRun& run = *run_;
  if (!run.pipes.stdout_read.valid()) return;
  loop_.unwatch(run.stdout_watch);
  run.pipes.stdout_read.reset();
  run.stdout_ended = true;
  if (guard_) guard_->close_stdout(run.id);
  check_over();
}

// ---- ends

void Program::kill_run() {
  waiting_.reset();
  ++unbegun_;  // Nor is the end of one reported that was stopped just now.
  if (!run_ || run_->killed) return;
  run_->killed = true;
  run_->to_feed.clear();
  run_->end_asked = true;
  if (guard_) {
    guard_->kill(run_->id, SIGKILL);
    guard_->end_run(run_->id);
  }
}

void Program::terminate_run() {
  if (waiting_) {
    waiting_.reset();
    loop_.post([this, stopped = ++unbegun_] {
      if (stopped != unbegun_) return;
      events_.on_run_end({core::RunEnd::Kind::kLost, 0, "was stopped before it began", ""});
    });
    return;
  }
  if (!run_ || run_->killed || !guard_) return;
  guard_->kill(run_->id, SIGTERM);
  loop_.after(kTermWait, [this, id = run_->id] {
    if (run_ && run_->id == id && guard_) guard_->kill(id, SIGKILL);
  });
}

size_t Program::unread_bytes() const {
  if (!run_ || !run_->pipes.stdin_write.valid()) return 0;
  int bytes = 0;
  if (::ioctl(run_->pipes.stdin_write.get(), FIONREAD, &bytes) != 0) return 0;
  return static_cast<size_t>(std::max(bytes, 0));
}

// utime and stime of all processes of the run's session.
uint64_t Program::cpu_ticks() const {
  if (!run_ || run_->pid == 0) return 0;
  uint64_t ticks = 0;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", failure)) {
    std::ifstream file(entry.path() / "stat");
    std::string line;
    if (!std::getline(file, line)) continue;
    const size_t after_name = line.rfind(')');
    if (after_name == std::string::npos) continue;
    std::istringstream fields(line.substr(after_name + 1));
    std::string state, skipped;
    int64_t parent = 0, group = 0, session = 0;
    fields >> state >> parent >> group >> session;
    if (session != run_->pid) continue;
    for (int i = 0; i < 7; ++i) fields >> skipped;
    uint64_t user = 0, system = 0;
    fields >> user >> system;
    ticks += user + system;
  }
  return ticks;
}

void Program::stop() {
  stopping_ = true;
  waiting_.reset();
  if (guard_) guard_->stop();
}

void Program::on_guard_event() {
  while (guard_) {
    const std::optional<action::GuardEvent> event = guard_->next_event();
    if (!event) return;
    handle(*event);
  }
}

void Program::handle(const action::GuardEvent& event) {
  const auto ours = [&](action::RunId id) { return run_ && run_->id == id; };
  if (const auto* started = std::get_if<action::RunStarted>(&event)) {
    if (ours(started->run)) run_->pid = started->pid;
  } else if (const auto* failed = std::get_if<action::RunStartFailed>(&event)) {
    if (!ours(failed->run)) return;
    run_->end =
        core::RunEnd{core::RunEnd::Kind::kNotStarted, failed->errno_value, failed->text, ""};
    run_->stdout_ended = run_->tree_gone = true;
    check_over();
  } else if (const auto* exited = std::get_if<action::RunExited>(&event)) {
    if (!ours(exited->run)) return;
    const int status = exited->wait_status;
    run_->end = WIFSIGNALED(status)
                    ? core::RunEnd{core::RunEnd::Kind::kSignaled, WTERMSIG(status), "", ""}
                    : core::RunEnd{core::RunEnd::Kind::kExited, WEXITSTATUS(status), "", ""};
    if (exited->out_of_memory) run_->end->reason = "probably by the kernel, for lack of memory";
    run_->quiet_since = loop_.now();
    check_over();
  } else if (const auto* gone = std::get_if<action::RunTreeGone>(&event)) {
    if (!ours(gone->run)) return;
    run_->tree_gone = true;
    check_over();
  } else if (std::get_if<action::GuardLost>(&event) != nullptr) {
    on_guard_lost();
  } else if (std::get_if<action::GuardStopped>(&event) != nullptr) {
    loop_.unwatch(guard_watch_);
    events_.on_guard_gone();
  }
}

// R11: everything it had started is dead by now. A new guard, and the run once more.
void Program::on_guard_lost() {
  loop_.unwatch(guard_watch_);
  guard_.reset();
  if (run_) {
    run_->end = core::RunEnd{core::RunEnd::Kind::kLost, 0, "the guard was killed", ""};
    run_->stdout_ended = run_->tree_gone = true;
  }
  if (stopping_) return events_.on_guard_gone();
  if (Status started = start_guard(); !started) {
    log::error("the guard cannot be started again: " + started.error().what);
    return events_.on_guard_gone();
  }
  check_over();
}

// What the program has started may go on writing for it, or has its stdout only by accident.
void Program::look_who_holds() {
  const bool waits = run_ && run_->end && !run_->stdout_ended && !run_->killed;
  if (!waits || run_->held_told || loop_.now() - run_->quiet_since < kHeldOpenWait) return;
  run_->held_told = true;
  const std::string who = writers_of(run_->pipes.stdout_read.get());
  events_.on_held_open(who.empty() ? "a process that cannot be seen from here" : who);
}

// A run is over when the program has exited, its stdout has ended, and nothing of its tree is left.
void Program::check_over() {
  if (!run_ || !run_->end) {
    if (!run_ || !run_->killed || !run_->tree_gone) return;
  }
  ProgramRun& run = *run_;
  if (!run.killed && !run.stdout_ended) return;
  if (!run.tree_gone) {
    if (!std::exchange(run.end_asked, true) && guard_) guard_->end_run(run.id);
    return;
  }
  read_stderr();
  core::RunEnd end = run.end.value_or(core::RunEnd{});
  end.stderr_tail = stderr_.tail();
  const bool report = !run.killed;
  if (run.held_told) events_.on_held_open("");
  loop_.unwatch(run.stdin_watch);
  loop_.unwatch(run.stdout_watch);
  loop_.unwatch(run.stderr_watch);
  run_.reset();
  if (report) events_.on_run_end(end);
  if (waiting_ && !run_) start_waiting();
}

void Program::start_waiting() {
  WaitingRun next = *std::exchange(waiting_, std::nullopt);
  start_run(next.order);
  if (!run_) return;
  run_->to_feed = std::move(next.to_feed);
  run_->close_when_fed = next.close_when_fed;
  if (next.close_stdout) end_stdout();
  loop_.post([] {});  // A turn, which writes what was fed.
}

}  // namespace weir::shell
