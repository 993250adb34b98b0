#include "ctl/logs/follow.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <optional>

#include "ctl/base/exit_code.h"
#include "ctl/output/console.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/signals.h"

namespace weir::ctl {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLook{100};
// A folder that is removed may be made again at once.
constexpr milliseconds kGoneMax{3000};
constexpr milliseconds kFlushWait{1000};

class Follower {
 public:
  Follower(LogSource& source, const LineFormat& format)
      : source_(source), format_(format), out_(loop_, STDOUT_FILENO, false) {}

  Result<int> run() {
    runtime::ignore_sigpipe();
    auto signals = runtime::SignalWatch::create(loop_, {SIGINT, SIGTERM, SIGHUP},
                                                [this](int signal) { end(128 + signal); });
    if (!signals) return std::move(signals).error();
    loop_.every(kLook, [this] { look(); });
    loop_.on_turn_end([this] {
      if (more_ && !out_.full()) look();
    });
    look();
    loop_.run();
    source_.finish(on_line_);
    out_.finish(kFlushWait);
    if (error_) return *error_;
    return code_;
  }

 private:
  void end(int code) {
    code_ = code;
    loop_.stop();
  }

  void look() {
    if (is_stdout_closed()) return end(kDone);
    if (out_.full()) return;
    // Asked first: what comes between the two is handed out.
    const bool is_complete = source_.is_complete();
    const Result<LogSource::Progress> progress = source_.poll(on_line_);
    if (is_complete && progress && *progress == LogSource::Progress::kDrained) return end(kDone);
    more_ = progress && *progress == LogSource::Progress::kMore;
    if (more_) loop_.post([] {});  // A turn at once.
    if (progress) {
      gone_since_.reset();
    } else if (progress.error().code == ErrorCode::kNotFound) {
      if (!gone_since_) gone_since_ = loop_.now();
      if (loop_.now() - *gone_since_ < kGoneMax) return;
      std::fprintf(stderr, "weirctl: %s\n", progress.error().what.c_str());
      end(kDone);
    } else {
      error_ = progress.error();
      loop_.stop();
    }
  }

  // A pipe whose reader has gone says so before anything is written to it.
  bool is_stdout_closed() const {
    pollfd poll{STDOUT_FILENO, 0, 0};
    return out_.broken() || (::poll(&poll, 1, 0) > 0 && (poll.revents & POLLERR) != 0);
  }

  LogSource& source_;
  const LineFormat& format_;
  runtime::Loop loop_;
  Console out_;
  LogSource::OnLine on_line_ = [this](const std::string& node, std::string_view line) {
    out_.raw(format_(node, line));
  };
  bool more_ = false;
  std::optional<runtime::SteadyTime> gone_since_;
  std::optional<Error> error_;
  int code_ = kDone;
};

}  // namespace

Result<int> follow_log(LogSource& source, const LineFormat& format) {
  // Or the next descriptor that is opened would take its place.
  if (::fcntl(STDOUT_FILENO, F_GETFD) < 0) {
    return Error{ErrorCode::kInvalid, "standard output is closed"};
  }
  return Follower(source, format).run();
}

}  // namespace weir::ctl
