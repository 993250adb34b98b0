#include "ctl/output/console.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace weir::ctl {

using runtime::Interest;

Console::Console(runtime::Loop& loop, int fd, bool live)
    : loop_(loop), fd_(fd), live_(live), watch_(runtime::WatchId::kNone) {
  if (fd_ < 0) {
    broken_ = true;
    return;
  }
  watch_ = loop_.watch_fd(fd_, Interest::kNone, [this](runtime::Ready) { write_some(); });
}

Console::~Console() { loop_.unwatch(watch_); }

void Console::say(std::string_view text) { raw("weir: " + std::string(text) + "\n"); }

void Console::raw(std::string_view lines) {
  if (!progress_.empty()) {
    progress_.clear();
    add("\r\x1b[K");
  }
  add(lines);
}

void Console::progress(std::string_view text) {
  if (!live_ || text == progress_) return;
  // Nobody needs progress that comes late.
  if (!waiting_.empty() && !text.empty()) return;
  progress_ = text;
  add("\r\x1b[K" + progress_);
}

void Console::add(std::string_view text) {
  if (broken_) return;
  waiting_ += text;
  loop_.set_interest(watch_, waiting_.empty() ? Interest::kNone : Interest::kWrite);
}

void Console::write_some() {
  const std::string_view piece = std::string_view(waiting_).substr(0, kPieceBytes);
  const ssize_t count = ::write(fd_, piece.data(), piece.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count < 0) {
    broken_ = true;
    waiting_.clear();
  } else {
    waiting_.erase(0, static_cast<size_t>(count));
  }
  if (waiting_.empty()) loop_.set_interest(watch_, Interest::kNone);
}

void Console::finish(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!waiting_.empty()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    pollfd poll{fd_, POLLOUT, 0};
    if (::poll(&poll, 1, static_cast<int>(left.count())) > 0) write_some();
  }
}

}  // namespace weir::ctl
