#include "wrapper/tail/tail.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "schema/wire/source_protocol.h"
#include "wrapper/tail/disk_files.h"
#include "wrapper/tail/reader.h"
#include "wrapper/tail/watcher.h"

namespace weir::tail {
namespace {

using std::chrono::milliseconds;
using wire::SourceKind;
using wire::SourceMessage;

// A folder in which very much happens is not looked at without a pause.
constexpr milliseconds kLookPause{20};
constexpr int kLookPauseFactor = 10;  // Times what a look takes.

void tell(const std::string& text) { std::cerr << text + "\n"; }

// A file is held open for as long as anything may come from it.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// What weir says first.
Result<std::string> read_position() {
  wire::SourceParser parser;
  while (true) {
    const Result<std::optional<SourceMessage>> message = parser.next();
    if (!message) return message.error();
    if (message->has_value() && (*message)->kind == SourceKind::kStart) {
      return std::string((*message)->position);
    }
    if (message->has_value()) continue;
    const std::span<uint8_t> space = parser.space();
    const ssize_t got = ::read(STDIN_FILENO, space.data(), space.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return Error{ErrorCode::kInvalid,
                   "no position on standard input: weir-tail is run by weir, as weir:tail"};
    }
    parser.added(static_cast<size_t>(got));
  }
}

// Messages on their way to stdout, which is non-blocking: names are looked at even while nobody
// reads, so that no file is missed that comes and goes meanwhile.
class Output {
 public:
  bool is_busy() const { return left_ > 0; }

  // Its bytes must be there until it is no longer busy.
  void put(const SourceMessage& message) {
    header_ = wire::source_header(message);
    message_ = message;
    left_ = header_.size() + message.position.size() + message.data.size();
  }

  // False if nobody reads any more.
  bool flush() {
    while (left_ > 0) {
      const size_t all = header_.size() + message_.position.size() + message_.data.size();
      size_t skip = all - left_;
      std::array<iovec, 3> parts{};
      size_t count = 0;
      for (const std::string_view part :
           {std::string_view(reinterpret_cast<const char*>(header_.data()), header_.size()),
            message_.position, message_.data}) {
        const size_t skipped = std::min(skip, part.size());
        skip -= skipped;
        if (skipped == part.size()) continue;
        parts[count++] = {const_cast<char*>(part.data()) + skipped, part.size() - skipped};
      }
      const ssize_t written = ::writev(STDOUT_FILENO, parts.data(), static_cast<int>(count));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno == EAGAIN;
      left_ -= static_cast<size_t>(written);
    }
    return true;
  }

 private:
  std::array<uint8_t, wire::kSourceHeaderBytes> header_{};
  SourceMessage message_;
  size_t left_ = 0;
};

class Tail {
 public:
  explicit Tail(Tracker& tracker) : tracker_(tracker), reader_(tracker) {}

  int run() {
    while (true) {
      const SteadyTime now = std::chrono::steady_clock::now();
      if (now >= look_at_) look(now);
      if (!output_.is_busy()) {
        const Result<std::optional<SourceMessage>> message = reader_.next();
        tell_notes();
        if (!message) {
          tell(message.error().what);
          return EXIT_FAILURE;
        }
        may_have_more_ = message->has_value();
        if (may_have_more_) {
          output_.put(**message);
        } else if (reader_.is_done()) {
          if (!tracker_.has_troubles()) return EXIT_SUCCESS;
          return EXIT_FAILURE;
        }
      }
      if (!output_.flush()) return EXIT_SUCCESS;
      if (!wait()) return EXIT_SUCCESS;
    }
  }

 private:
  void look(SteadyTime now) {
    // A change that comes while it looks is seen by the next one, because it is watched before.
    watcher_.watch(tracker_.folders());
    tracker_.look(now);
    watcher_.watch(tracker_.folders());
    if (std::string reason = watcher_.take_reason(); !reason.empty()) tell(reason);
    tell_notes();
    const SteadyTime end = std::chrono::steady_clock::now();
    look_pause_ = std::max<SteadyTime::duration>(kLookPause, (end - now) * kLookPauseFactor);
    looked_at_ = end;
    look_at_ = end + watcher_.look_interval();
    if (std::exchange(is_first_, false)) look_at_ = end;  // What it watches now it did not before.
  }

  void tell_notes() {
    for (const std::string& note : tracker_.take_notes()) tell(note);
  }

  // False if weir wants no more.
  bool wait() {
    const auto until_look = std::max<SteadyTime::duration>(
        look_at_ - std::chrono::steady_clock::now(), SteadyTime::duration::zero());
    const int timeout = static_cast<int>(std::chrono::ceil<milliseconds>(until_look).count());
    std::array<pollfd, 3> fds{
        {{STDIN_FILENO, POLLIN, 0},
         {STDOUT_FILENO, static_cast<short>(output_.is_busy() ? POLLOUT : 0), 0},
         {watcher_.fd(), POLLIN, 0}}};
    const bool reads_on = may_have_more_ && !output_.is_busy();
    if (::poll(fds.data(), fds.size(), reads_on ? 0 : timeout) < 0) return errno == EINTR;
    if ((fds[1].revents & POLLERR) != 0) return false;
    if (fds[0].revents != 0) {
      // Kinds that are not known here.
      std::array<char, 4096> ignored;
      if (::read(STDIN_FILENO, ignored.data(), ignored.size()) == 0) return false;
    }
    watcher_.read({[this](const std::string& path) {
                     if (tracker_.touched(path)) look_soon();
                   },
                   [this] { look_soon(); }});
    return true;
  }

  void look_soon() { look_at_ = std::min(look_at_, looked_at_ + look_pause_); }

  Tracker& tracker_;
  Reader reader_;
  Watcher watcher_;
  Output output_;
  SteadyTime look_at_{};
  SteadyTime looked_at_{};
  SteadyTime::duration look_pause_{};
  bool is_first_ = true;
  bool may_have_more_ = false;
};

}  // namespace

int run_tail(const FollowOptions& options) {
  raise_descriptor_limit();
  const Result<std::string> position = read_position();
  if (!position) {
    tell(position.error().what);
    return EXIT_FAILURE;
  }
  DiskFiles files;
  Result<Tracker> tracker = Tracker::begin(options, files, *position);
  if (!tracker) {
    tell(tracker.error().what);
    return EXIT_FAILURE;
  }
  ::signal(SIGPIPE, SIG_IGN);
  (void)::fcntl(STDOUT_FILENO, F_SETFL, ::fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
  return Tail(*tracker).run();
}

}  // namespace weir::tail
