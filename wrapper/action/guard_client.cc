#include "wrapper/action/guard_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "schema/runtime/process_tree.h"
#include "wrapper/action/guard_protocol.h"
#include "wrapper/action/run_tree.h"

namespace weir::action {
namespace {

using std::chrono::milliseconds;

// A guard that was told to stop kills its tree within milliseconds; a destructor waits so long for
// one that meets a process which the kernel does not let go.
constexpr milliseconds kStopLimit{10'000};
constexpr milliseconds kFinishDelayMax{50};
constexpr int kRemovalsMax = 10;

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> make_pipe(int wanted_bytes) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("pipe for a program", errno);
  // Refused above the user's share, and then the pipe keeps its usual size.
  if (wanted_bytes > 0) ::fcntl(ends[0], F_SETPIPE_SZ, wanted_bytes);
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Status set_nonblocking(const UniqueFd& fd) {
  if (::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK) == 0) return {};
  return errno_error("make a pipe non-blocking", errno);
}

Result<UniqueFd> copy_of(const UniqueFd& fd) {
  UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy.valid()) return errno_error("copy a descriptor for the guard", errno);
  return copy;
}

Result<UniqueFd> memfd_with(const std::string& bytes) {
  UniqueFd fd(::memfd_create("weir-spawn", MFD_CLOEXEC));
  if (!fd.valid()) return errno_error("memfd for a program's arguments", errno);
  if (::write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    return errno_error("memfd for a program's arguments", errno);
  }
  return fd;
}

bool has_zero_byte(const std::vector<std::string>& strings) {
  return std::any_of(strings.begin(), strings.end(),
                     [](const std::string& each) { return each.find('\0') != std::string::npos; });
}

Status check(const RunRequest& request) {
  if (request.argv.empty() || request.argv[0].empty()) {
    return Error{ErrorCode::kInvalid, "a run needs a program"};
  }
  if (has_zero_byte(request.argv) || has_zero_byte(request.environment) ||
      request.working_directory.find('\0') != std::string::npos) {
    return Error{ErrorCode::kInvalid,
                 request.argv[0] + ": an argument or variable holds a zero byte"};
  }
  return {};
}

// Makes a pipe, appends the program's end and a copy of ours to what the guard gets, and returns
// ours. `ours_writes`: ours is the write end.
Result<UniqueFd> add_pipe(int bytes, bool ours_writes, std::vector<UniqueFd>* guard_fds) {
  Result<Pipe> pipe = make_pipe(bytes);
  if (!pipe) return std::move(pipe).error();
  UniqueFd ours = std::move(ours_writes ? pipe->write_end : pipe->read_end);
  UniqueFd theirs = std::move(ours_writes ? pipe->read_end : pipe->write_end);
  if (Status set = set_nonblocking(ours); !set) return std::move(set).error();
  Result<UniqueFd> copy = copy_of(ours);
  if (!copy) return std::move(copy).error();
  guard_fds->push_back(std::move(theirs));
  guard_fds->push_back(std::move(*copy));
  return ours;
}

bool add_to_epoll(const UniqueFd& poll, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  return ::epoll_ctl(poll.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

// ---- start and end

Result<GuardClient> GuardClient::start(GuardConfig config) {
  if (config.program.empty()) {
    Result<std::string> found = runtime::find_program("weir-guard");
    if (!found) return std::move(found).error();
    config.program = *std::move(found);
  }
  // Should the guard be killed, then its programs must come to us and not to our parent.
  if (!runtime::become_subreaper()) return errno_error("become a subreaper", errno);
  GuardClient client;
  client.lock_.reset(::open(config.lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!client.lock_.valid()) return errno_error("open lock file " + config.lock_path, errno);
  if (Status started = client.start_guard(config); !started) return std::move(started).error();
  if (Status opened = client.open_descriptors(); !opened) return std::move(opened).error();
  return client;
}

Status GuardClient::start_guard(const GuardConfig& config) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return errno_error("socket for the guard", errno);
  }
  control_.reset(ends[0]);
  const UniqueFd guard_end(ends[1]);
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return errno_error("open /dev/null", errno);

  runtime::SpawnOptions options;
  options.program = config.program;
  options.argv = {"weir-guard", config.lock_path};
  if (!config.use_cgroup) options.argv.emplace_back("--no-cgroup");
  if (!config.oom_file.empty()) {
    options.argv.insert(options.argv.end(), {"--oom-file", config.oom_file});
  }
  if (config.umask) {
    options.argv.insert(options.argv.end(), {"--umask", std::to_string(*config.umask)});
  }
  options.new_session = true;
  options.fds = {{null.get(), 0},
                 {null.get(), 1},
                 {guard_end.get(), kGuardControlFd},
                 {lock_.get(), kGuardLockFd}};
  int target = kGuardKeepFd;
  for (const int fd : config.keep_fds) options.fds.push_back({fd, target++});
  Result<runtime::Child> child = runtime::spawn(options);
  if (!child) return std::move(child).error();
  guard_ = *std::move(child);
  return {};
}

Status GuardClient::open_descriptors() {
  poll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  alarm_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!poll_.valid() || !alarm_.valid() || !add_to_epoll(poll_, control_.get(), EPOLLIN) ||
      !add_to_epoll(poll_, guard_.pidfd.get(), EPOLLIN) ||
      !add_to_epoll(poll_, alarm_.get(), EPOLLIN)) {
    const int error = errno;
    control_.reset();  // The guard goes by itself; it has started nothing.
    (void)runtime::reap_within(guard_, kStopLimit);
    poll_.reset();
    return errno_error("descriptors for the guard", error);
  }
  return {};
}

GuardClient::GuardClient(GuardClient&& other) noexcept = default;

GuardClient::~GuardClient() {
  if (!poll_.valid() || state_ == State::kGone) return;  // Moved from, or all is said.
  stop();
  const auto deadline = std::chrono::steady_clock::now() + kStopLimit;
  while (state_ != State::kGone) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    pollfd poll{fd(), POLLIN, 0};
    ::poll(&poll, 1, static_cast<int>(left.count()));
    while (next_event()) {
    }
  }
}

void GuardClient::stop() {
  if (state_ != State::kRunning) return;
  state_ = State::kStopping;
  flush();
  unsent_.clear();
  // The guard sees an end of file, as if we had died, but can still tell how its runs ended.
  ::shutdown(control_.get(), SHUT_WR);
}

// ---- requests

Result<RunPipes> GuardClient::spawn(RunId run, const RunRequest& request) {
  if (Status checked = check(request); !checked) return std::move(checked).error();
  if (state_ != State::kRunning) {
    return Error{ErrorCode::kUnavailable, "the guard process has ended"};
  }
  if (runs_.contains(run)) return Error{ErrorCode::kConflict, "the run is open already"};
  if (runs_.size() >= kRunsMax) return Error{ErrorCode::kLimit, "too many runs at a time"};

  std::string body = encode({request.argv, request.environment, request.working_directory});
  if (body.size() > kOrderBytesMax) {
    return Error{ErrorCode::kLimit, request.argv[0] + ": the arguments are too long"};
  }
  int flags = request.clean_environment ? kCleanEnvironment : 0;
  std::vector<UniqueFd> guard_fds;
  if (body.size() > kPacketBytesMax) {
    Result<UniqueFd> memfd = memfd_with(body);
    if (!memfd) return std::move(memfd).error();
    guard_fds.push_back(std::move(*memfd));
    body.clear();
    flags |= kBodyInMemfd;
  }
  RunPipes pipes;
  if (request.wants_stdin) {
    Result<UniqueFd> in = add_pipe(request.pipe_bytes, true, &guard_fds);
    if (!in) return std::move(in).error();
    pipes.stdin_write = std::move(*in);
    flags |= kHasStdin;
  }
  Result<UniqueFd> out = add_pipe(request.pipe_bytes, false, &guard_fds);
  if (!out) return std::move(out).error();
  Result<UniqueFd> err = add_pipe(0, false, &guard_fds);
  if (!err) return std::move(err).error();
  pipes.stdout_read = std::move(*out);
  pipes.stderr_read = std::move(*err);

  runs_.insert(run);
  send(packet(GuardMessage::kSpawn, static_cast<std::uint64_t>(run), flags, body),
       std::move(guard_fds));
  return pipes;
}

void GuardClient::send_command(GuardMessage type, RunId run, int value) {
  if (state_ != State::kRunning || !runs_.contains(run)) return;
  send(packet(type, static_cast<std::uint64_t>(run), value), {});
}

void GuardClient::close_stdin(RunId run) { send_command(GuardMessage::kCloseStdin, run, 0); }

void GuardClient::close_stdout(RunId run) { send_command(GuardMessage::kCloseStdout, run, 0); }

void GuardClient::kill(RunId run, int signal) { send_command(GuardMessage::kKill, run, signal); }

void GuardClient::end_run(RunId run) { send_command(GuardMessage::kEndRun, run, 0); }

void GuardClient::send(std::string bytes, std::vector<UniqueFd> fds) {
  Unsent message{std::move(bytes), std::move(fds)};
  // In order: nothing overtakes what waits.
  if (unsent_.empty() && send_now(message)) return;
  unsent_.push_back(std::move(message));
  watch_socket_for_write(true);
}

// False when there is no room. A guard that is gone is found out by reading.
bool GuardClient::send_now(const Unsent& message) {
  const int error = send_packet(control_.get(), message.bytes, message.fds);
  return error != EAGAIN && error != ENOBUFS && error != ETOOMANYREFS;
}

void GuardClient::flush() {
  if (unsent_.empty()) return;
  while (!unsent_.empty() && send_now(unsent_.front())) unsent_.pop_front();
  if (unsent_.empty()) watch_socket_for_write(false);
}

void GuardClient::watch_socket_for_write(bool on) {
  epoll_event event{};
  event.events = on ? EPOLLIN | EPOLLOUT : EPOLLIN;
  ::epoll_ctl(poll_.get(), EPOLL_CTL_MOD, control_.get(), &event);
}

// ---- events

std::optional<GuardEvent> GuardClient::next_event() {
  if (events_.empty() && state_ != State::kGone) {
    if (control_.valid()) {
      flush();
      read_events();
    }
    if (events_.empty() && !control_.valid()) finish_off();
  }
  if (events_.empty()) return std::nullopt;
  GuardEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

void GuardClient::read_events() {
  while (true) {
    Packet packet;
    switch (reader_.read(control_.get(), &packet)) {
      case PacketReader::Outcome::kNothing:
        return;
      case PacketReader::Outcome::kEnd:
        return begin_loss("the guard process ended");
      case PacketReader::Outcome::kBroken:
        return begin_loss("the guard process sent a broken message");
      case PacketReader::Outcome::kPacket:
        take_event(packet.header, packet.body);
    }
  }
}

void GuardClient::take_event(const GuardHeader& header, std::string_view body) {
  const RunId run{header.run};
  switch (header.type) {
    case GuardMessage::kWaiting:
      events_.emplace_back(GuardWaiting{});
      return;
    case GuardMessage::kReady:
      cgroup_ = body;
      events_.emplace_back(GuardReady{cgroup_});
      return;
    case GuardMessage::kStarted:
      events_.emplace_back(RunStarted{run, header.value});
      return;
    case GuardMessage::kStartFailed:
      runs_.erase(run);
      events_.emplace_back(RunStartFailed{run, header.value, std::string(body)});
      return;
    case GuardMessage::kExited:
      events_.emplace_back(RunExited{run, header.value, body == kOutOfMemory});
      return;
    case GuardMessage::kEnded:
      events_.emplace_back(RunExited{run, header.value, body == kOutOfMemory});
      [[fallthrough]];
    case GuardMessage::kTreeGone:
      runs_.erase(run);
      events_.emplace_back(RunTreeGone{run});
      return;
    default:
      return begin_loss("the guard process sent an unknown message");
  }
}

// ---- the guard is gone

// Its socket is closed, but it may not be dead yet, and until it is its programs are not ours.
void GuardClient::begin_loss(std::string reason) {
  if (!control_.valid()) return;
  control_.reset();  // Leaves the epoll with it.
  unsent_.clear();
  loss_reason_ = std::move(reason);
  if (state_ == State::kRunning) {
    state_ = State::kLost;
    (void)runtime::signal_pidfd(guard_.pidfd, SIGKILL);
  }
}

// One step: waits for the guard's death, then kills what it left to us, until nothing is left.
// After a stop there is nothing, unless the guard was killed on its way.
void GuardClient::finish_off() {
  if (!guard_reaped_) {
    Result<std::optional<int>> status = runtime::try_reap(guard_.pid);
    if (status && !status->has_value()) return;  // Its pidfd will wake us.
    guard_reaped_ = true;
    if (status) loss_reason_ += " (" + runtime::describe_wait_status(**status) + ")";
    ::epoll_ctl(poll_.get(), EPOLL_CTL_DEL, guard_.pidfd.get(), nullptr);
  }
  std::uint64_t expirations = 0;
  (void)!::read(alarm_.get(), &expirations, sizeof expirations);
  const bool cgroup_empty = cgroup_.empty() || kill_cgroup(cgroup_);
  runtime::kill_inherited();
  const bool left = runtime::reap_inherited() > 0 || !cgroup_empty;
  // A cgroup counts its dead a moment longer than waitpid does. One that cannot be removed is not
  // worth waiting for, only processes are.
  const bool unremoved =
      !left && !cgroup_.empty() && !remove_cgroup(cgroup_) && ++removals_ < kRemovalsMax;
  if (left || unremoved) {
    alarm_delay_ = std::clamp(alarm_delay_ * 2, milliseconds(1), kFinishDelayMax);
    return set_alarm(alarm_delay_);
  }

  std::vector<RunId> open(runs_.begin(), runs_.end());
  runs_.clear();
  if (state_ == State::kStopping) {
    events_.emplace_back(GuardStopped{std::move(open)});
  } else {
    events_.emplace_back(GuardLost{loss_reason_, std::move(open)});
  }
  state_ = State::kGone;
  lock_.reset();  // The next guard may start programs.
}

void GuardClient::set_alarm(milliseconds delay) {
  itimerspec spec{};
  spec.it_value.tv_nsec = std::chrono::nanoseconds(delay).count();
  ::timerfd_settime(alarm_.get(), 0, &spec, nullptr);
}

}  // namespace weir::action
