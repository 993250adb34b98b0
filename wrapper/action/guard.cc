#include "wrapper/action/guard.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "wrapper/action/program_start.h"

namespace weir::action {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLockDelayMax{20};
constexpr milliseconds kRecheckDelayMax{50};
constexpr milliseconds kNoLimit{-1};

std::string read_memfd(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || info.st_size <= 0) return {};
  std::string body(std::min(static_cast<std::size_t>(info.st_size), kOrderBytesMax), '\0');
  const ssize_t got = ::pread(fd, body.data(), body.size(), 0);
  body.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return body;
}

}  // namespace

Guard::Guard(UniqueFd control, UniqueFd lock, UniqueFd children, std::unique_ptr<RunTree> tree,
             OomKills oom_kills)
    : control_(std::move(control)),
      lock_(std::move(lock)),
      children_(std::move(children)),
      tree_(std::move(tree)),
      oom_kills_(std::move(oom_kills)) {}

void Guard::run() {
  if (!wait_for_lock()) return;
  tell(GuardMessage::kReady, 0, 0, tree_->folder());
  while (true) {
    const Wake wake = wait(recheck_ ? recheck_delay_ : kNoLimit, POLLIN | POLLRDHUP);
    if (wake == Wake::kEnd) break;
    if (!read_commands()) break;
    reap();
    settle_runs();
    flush();
  }
  finish_off();
}

// No run starts before the last guard of this log has killed what it had started. flock cannot be
// waited for together with the socket, so it is tried again and again.
bool Guard::wait_for_lock() {
  bool told = false;
  milliseconds delay{1};
  while (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return false;
    if (!told) tell(GuardMessage::kWaiting, 0, 0);
    told = true;
    if (wait(delay, POLLRDHUP) == Wake::kEnd) return false;
    delay = std::min(delay * 2, kLockDelayMax);
  }
  return true;
}

Guard::Wake Guard::wait(milliseconds limit, short control_events) {
  if (!unsent_.empty()) control_events |= POLLOUT;
  pollfd polls[] = {{control_.get(), control_events, 0}, {children_.get(), POLLIN, 0}};
  ::poll(polls, 2, static_cast<int>(limit.count()));
  // When the wrapper is gone, what it still asked for does not matter any more.
  if ((polls[0].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) return Wake::kEnd;
  if ((polls[0].revents & POLLOUT) != 0) flush();
  if ((polls[1].revents & POLLIN) != 0) {
    signalfd_siginfo info{};
    while (::read(children_.get(), &info, sizeof info) > 0) {
    }
    recheck_delay_ = milliseconds(1);
  }
  return Wake::kWork;
}

// ---- commands

// False when the wrapper is gone or talks nonsense.
bool Guard::read_commands() {
  while (true) {
    Packet packet;
    switch (reader_.read(control_.get(), &packet)) {
      case PacketReader::Outcome::kNothing:
        return true;
      case PacketReader::Outcome::kEnd:
      case PacketReader::Outcome::kBroken:
        return false;
      case PacketReader::Outcome::kPacket:
        take_command(std::move(packet));
    }
  }
}

void Guard::take_command(Packet packet) {
  if (packet.header.type == GuardMessage::kSpawn) return start_run(std::move(packet));
  const auto found = runs_.find(packet.header.run);
  if (found == runs_.end()) return;  // It went while the message was under way.
  Run& run = found->second;
  switch (packet.header.type) {
    case GuardMessage::kCloseStdin:
      run.stdin_write.reset();
      break;
    case GuardMessage::kCloseStdout:
      run.stdout_read.reset();
      break;
    case GuardMessage::kKill:
      if (packet.header.value == SIGKILL) return kill_run(run);
      tree_->signal(run.key, open_keys(), packet.header.value);
      break;
    case GuardMessage::kEndRun:
      kill_run(run);
      break;
    default:
      break;
  }
}

// Sorts the descriptors that came with kSpawn into ours and the program's.
bool Guard::take_run_fds(Packet* packet, std::string* body, Run* run, UniqueFd program[3]) {
  auto next = packet->fds.begin();
  const auto take = [&](UniqueFd* to) {
    if (next == packet->fds.end()) return false;
    *to = std::move(*next++);
    return true;
  };
  const int flags = packet->header.value;
  if ((flags & kBodyInMemfd) != 0) {
    UniqueFd memfd;
    if (!take(&memfd)) return false;
    *body = read_memfd(memfd.get());
  } else {
    *body = packet->body;
  }
  if ((flags & kHasStdin) != 0) {
    if (!take(&program[0]) || !take(&run->stdin_write)) return false;
  } else {
    program[0].reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  return take(&program[1]) && take(&run->stdout_read) && take(&program[2]) &&
         take(&run->stderr_read) && program[0].valid();
}

void Guard::start_run(Packet packet) {
  const std::uint64_t id = packet.header.run;
  Run run;
  std::string body;
  UniqueFd program[3];
  const bool complete = take_run_fds(&packet, &body, &run, program);
  const auto order = decode_spawn_order(body);
  const std::size_t slot = free_slot();
  if (!complete || !order || slot == kRunsMax || runs_.contains(id)) {
    tell(GuardMessage::kStartFailed, id, EINVAL, "the guard was asked for an impossible run");
    return;
  }
  run.key = RunKey{id, slot, 0, false};
  run.oom_kills_before = oom_kills_.lately();
  const bool clean = (packet.header.value & kCleanEnvironment) != 0;
  const StartOutcome outcome =
      start_program(*order, clean, run_marker(id),
                    {program[0].get(), program[1].get(), program[2].get()}, tree_->cgroup_of(slot));
  if (outcome.pid == 0) {
    tell(GuardMessage::kStartFailed, id, outcome.errno_value,
         std::string_view(outcome.text).substr(0, kPacketBytesMax));
    return;
  }
  run.key.main = outcome.pid;
  runs_.emplace(id, std::move(run));
  tell(GuardMessage::kStarted, id, outcome.pid);
}

std::size_t Guard::free_slot() const {
  for (std::size_t slot = 0; slot < kRunsMax; ++slot) {
    const bool used = std::any_of(runs_.begin(), runs_.end(), [slot](const auto& each) {
      return each.second.key.slot == slot;
    });
    if (!used) return slot;
  }
  return kRunsMax;
}

std::vector<RunKey> Guard::open_keys() const {
  std::vector<RunKey> keys;
  for (const auto& [id, run] : runs_) keys.push_back(run.key);
  return keys;
}

// ---- the end of runs

// Everything that dies here is a child of ours, sooner or later: its own parents go, and we are
// the subreaper. So this is the one place where any child is waited for.
void Guard::reap() {
  while (true) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    no_children_ = pid < 0 && errno == ECHILD;
    if (pid <= 0) return;
    for (auto& [id, run] : runs_) {
      if (run.key.main != pid || run.key.main_reaped) continue;
      run.key.main_reaped = true;
      const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !run.killing;
      const bool oom = killed && oom_kills_.now() > run.oom_kills_before;
      run.untold_exit = Exit{status, oom};
    }
  }
}

void Guard::kill_run(Run& run) {
  run.killing = true;
  tree_->kill(run.key, open_keys());
  recheck_ = true;
  recheck_delay_ = milliseconds(1);
}

void Guard::settle_runs() {
  recheck_ = false;
  const std::vector<RunKey> open = open_keys();
  for (auto at = runs_.begin(); at != runs_.end();) {
    Run& run = at->second;
    // Without any child nothing descends from us: the usual case, and without a look at /proc.
    if (run.key.main_reaped && (no_children_ || tree_->empty(run.key, open))) {
      const std::uint64_t id = at->first;
      const std::optional<Exit> exit = run.untold_exit;
      at = runs_.erase(at);  // Our copies go before it is told.
      if (exit) {
        tell_exit(GuardMessage::kEnded, id, *exit);
      } else {
        tell(GuardMessage::kTreeGone, id, 0);
      }
      continue;
    }
    if (run.killing) tree_->kill(run.key, open);
    // Leftovers that nobody wants killed are looked at when a child dies. That can be a moment
    // before a cgroup counts as empty, hence a second look, but not for ever.
    if (run.killing || (run.key.main_reaped && recheck_delay_ < kRecheckDelayMax)) recheck_ = true;
    ++at;
  }
  if (recheck_) recheck_delay_ = std::min(recheck_delay_ * 2, kRecheckDelayMax);
  tell_exits();
}

// Of those of which something is left.
void Guard::tell_exits() {
  for (auto& [id, run] : runs_) {
    if (!run.untold_exit) continue;
    tell_exit(GuardMessage::kExited, id, *run.untold_exit);
    run.untold_exit.reset();
  }
}

// The wrapper is gone. First the whole tree, then, by returning, the descriptors and the lock.
void Guard::finish_off() {
  milliseconds delay{1};
  while (true) {
    tree_->kill_all();
    reap();
    tell_exits();
    if (no_children_) break;
    pollfd poll{children_.get(), POLLIN, 0};
    ::poll(&poll, 1, static_cast<int>(delay.count()));
    signalfd_siginfo info{};
    while (::read(children_.get(), &info, sizeof info) > 0) {
    }
    delay = std::min(delay * 2, kRecheckDelayMax);
  }
  tree_.reset();  // Removes the cgroups while the lock is still held.
}

// ---- events

void Guard::tell(GuardMessage type, std::uint64_t run, int value, std::string_view body) {
  unsent_.push_back(packet(type, run, value, body));
  flush();
}

void Guard::tell_exit(GuardMessage type, std::uint64_t run, const Exit& exit) {
  tell(type, run, exit.wait_status, exit.out_of_memory ? kOutOfMemory : "");
}

void Guard::flush() {
  while (!unsent_.empty()) {
    if (send_packet(control_.get(), unsent_.front(), {}) == EAGAIN) return;
    // Any other error means that the wrapper is gone, which the next wait finds out.
    unsent_.pop_front();
  }
}

}  // namespace weir::action
