#include "schema/runtime/signals.h"

#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace weir::runtime {

namespace {

// What was ignored when this process was started (nohup, a trap in a shell) stays ignored: blocked,
// it would come all the same.
sigset_t set_of(const std::vector<int>& signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) {
    if (!is_ignored(signal)) sigaddset(&set, signal);
  }
  return set;
}

}  // namespace

bool is_ignored(int signal) {
  struct sigaction now {};
  return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

void ignore_signal(int signal) {
  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  WEIR_CHECK(::sigaction(signal, &action, nullptr) == 0, "sigaction");
}

void ignore_sigpipe() { ignore_signal(SIGPIPE); }

void block_signals(const std::vector<int>& signals) {
  const sigset_t set = set_of(signals);
  WEIR_CHECK(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0, "pthread_sigmask");
}

Result<SignalWatch> SignalWatch::create(Loop& loop, const std::vector<int>& signals,
                                        Callback callback) {
  block_signals(signals);
  const sigset_t set = set_of(signals);
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return errno_error("signalfd", errno);
  const int raw = fd.get();
  const WatchId watch =
      loop.watch_fd(raw, Interest::kRead, [raw, callback = std::move(callback)](Ready) {
        // One a turn: the callback may destroy this watch, and the fd with it.
        signalfd_siginfo info{};
        if (::read(raw, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
          callback(static_cast<int>(info.ssi_signo));
        }
      });
  return SignalWatch(loop, std::move(fd), watch);
}

SignalWatch::SignalWatch(Loop& loop, UniqueFd fd, WatchId watch)
    : loop_(&loop), fd_(std::move(fd)), watch_(watch) {}

SignalWatch::SignalWatch(SignalWatch&& other) noexcept
    : loop_(other.loop_),
      fd_(std::move(other.fd_)),
      watch_(std::exchange(other.watch_, WatchId::kNone)) {}

SignalWatch::~SignalWatch() {
  if (watch_ != WatchId::kNone) loop_->unwatch(watch_);
}

}  // namespace weir::runtime
