#include "schema/runtime/loop.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "schema/base/check.h"

namespace weir::runtime {
namespace {

// An id is a generation in the upper and a slot in the lower half; generations begin with 1.
constexpr unsigned kSlotBits = 32;

std::uint32_t slot_of(std::uint64_t id) { return static_cast<std::uint32_t>(id); }

bool later(SteadyTime a, SteadyTime b) { return a > b; }

bool has(Interest interest, Interest bit) {
  return (static_cast<unsigned>(interest) & static_cast<unsigned>(bit)) != 0;
}

}  // namespace

Loop::Loop() : thread_(std::this_thread::get_id()), now_(std::chrono::steady_clock::now()) {
  remote_wakeup_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  WEIR_CHECK(remote_wakeup_.valid(), "no eventfd for the loop");
  watch_fd(remote_wakeup_.get(), Interest::kRead, [this](Ready) { take_remote_posts(); });
}

Loop::~Loop() = default;

void Loop::check_thread() const {
  WEIR_CHECK(std::this_thread::get_id() == thread_, "called from another thread than the loop's");
}

void Loop::adopt_thread() {
  WEIR_CHECK(!in_turn_, "the loop is running");
  thread_ = std::this_thread::get_id();
}

// ---- watches

Loop::Watch& Loop::new_watch(std::uint32_t* slot) {
  check_thread();
  if (free_watches_.empty()) {
    *slot = static_cast<std::uint32_t>(watches_.size());
    watches_.emplace_back();
    polls_.push_back({-1, 0, 0});
    // Room for all slots, so that removing a watch never allocates.
    free_watches_.reserve(watches_.size());
    removed_watches_.reserve(watches_.size());
  } else {
    *slot = free_watches_.back();
    free_watches_.pop_back();
  }
  Watch& watch = watches_[*slot];
  watch.id = (++last_generation_ << kSlotBits) | *slot;
  return watch;
}

Loop::Watch* Loop::find_watch(std::uint64_t id) {
  const std::uint32_t slot = slot_of(id);
  if (id == 0 || slot >= watches_.size() || watches_[slot].id != id) return nullptr;
  return &watches_[slot];
}

void Loop::set_poll_events(std::uint32_t slot) {
  const Watch& watch = watches_[slot];
  pollfd& poll = polls_[slot];
  // poll() reports hang-ups whatever the mask; a negative fd is the only way to hear nothing.
  poll.fd = watch.interest == Interest::kNone ? -1 : watch.fd;
  poll.events = 0;
  if (has(watch.interest, Interest::kRead)) poll.events |= POLLIN;
  // The fd of a ZeroMQ socket is only ever readable, also when the socket can be written.
  if (has(watch.interest, Interest::kWrite) && !watch.socket) poll.events |= POLLOUT;
}

WatchId Loop::watch_fd(int fd, Interest interest, FdCallback callback) {
  WEIR_CHECK(fd >= 0 && callback, "watch_fd needs an fd and a callback");
  std::uint32_t slot = 0;
  Watch& watch = new_watch(&slot);
  watch.fd = fd;
  watch.interest = interest;
  watch.on_fd = std::move(callback);
  polls_[slot].revents = 0;  // Not ready in the turn that is under way.
  set_poll_events(slot);
  return WatchId{watch.id};
}

WatchId Loop::watch_socket(ZmqSocket& socket, Callback callback) {
  WEIR_CHECK(callback != nullptr, "watch_socket needs a callback");
  std::uint32_t slot = 0;
  Watch& watch = new_watch(&slot);
  watch.socket.emplace(socket);
  watch.fd = watch.socket->fd();
  watch.socket_ready = false;
  watch.interest = Interest::kRead;
  watch.on_socket = std::move(callback);
  polls_[slot].revents = 0;
  set_poll_events(slot);
  ++sockets_;
  return WatchId{watch.id};
}

void Loop::set_interest(WatchId id, Interest interest) {
  check_thread();
  Watch* watch = find_watch(static_cast<std::uint64_t>(id));
  if (watch == nullptr) return;
  watch->interest = interest;
  set_poll_events(slot_of(watch->id));
}

void Loop::unwatch(WatchId id) {
  check_thread();
  Watch* watch = find_watch(static_cast<std::uint64_t>(id));
  if (watch == nullptr) return;
  const std::uint32_t slot = slot_of(watch->id);
  if (watch->socket) --sockets_;
  watch->id = 0;
  watch->socket.reset();
  watch->interest = Interest::kNone;
  polls_[slot] = {-1, 0, 0};
  // The callback may be running at this moment, and must outlive its own call.
  if (in_turn_) {
    removed_watches_.push_back(slot);
  } else {
    free_watch(slot);
  }
}

void Loop::free_watch(std::uint32_t slot) {
  // What a callback owns may unwatch others when it goes: the slot is free before that.
  FdCallback on_fd = std::move(watches_[slot].on_fd);
  Callback on_socket = std::move(watches_[slot].on_socket);
  watches_[slot].on_fd = nullptr;
  watches_[slot].on_socket = nullptr;
  free_watches_.push_back(slot);
}

// ---- timers

Loop::Timer* Loop::find_timer(std::uint64_t id) {
  const std::uint32_t slot = slot_of(id);
  if (id == 0 || slot >= timers_.size() || timers_[slot].id != id) return nullptr;
  return &timers_[slot];
}

void Loop::arm(Duration delay, std::uint64_t id) {
  due_.push_back({std::chrono::steady_clock::now() + std::max(delay, Duration::zero()), id});
  std::push_heap(due_.begin(), due_.end(),
                 [](const Due& a, const Due& b) { return later(a.at, b.at); });
}

TimerId Loop::add_timer(Duration delay, Duration period, Callback callback) {
  check_thread();
  WEIR_CHECK(callback != nullptr, "a timer needs a callback");
  std::uint32_t slot = 0;
  if (free_timers_.empty()) {
    slot = static_cast<std::uint32_t>(timers_.size());
    timers_.emplace_back();
    free_timers_.reserve(timers_.size());
    removed_timers_.reserve(timers_.size());
  } else {
    slot = free_timers_.back();
    free_timers_.pop_back();
  }
  Timer& timer = timers_[slot];
  timer.id = (++last_generation_ << kSlotBits) | slot;
  timer.period = period;
  timer.callback = std::move(callback);
  arm(delay, timer.id);
  return TimerId{timer.id};
}

TimerId Loop::after(Duration delay, Callback callback) {
  return add_timer(delay, Duration::zero(), std::move(callback));
}

TimerId Loop::every(Duration period, Callback callback) {
  WEIR_CHECK(period > Duration::zero(), "a repeating timer needs a period");
  return add_timer(period, period, std::move(callback));
}

void Loop::cancel(TimerId id) {
  check_thread();
  Timer* timer = find_timer(static_cast<std::uint64_t>(id));
  if (timer == nullptr) return;
  const std::uint32_t slot = slot_of(timer->id);
  timer->id = 0;
  if (in_turn_) {
    removed_timers_.push_back(slot);
  } else {
    free_timer(slot);
  }
  // Cancelled entries leave the heap when they come due. A timer that is set and cancelled in
  // every turn must not fill it until then.
  if (due_.size() > 64 && due_.size() > 4 * (timers_.size() - free_timers_.size())) {
    std::erase_if(due_, [this](const Due& due) { return find_timer(due.id) == nullptr; });
    std::make_heap(due_.begin(), due_.end(),
                   [](const Due& a, const Due& b) { return later(a.at, b.at); });
  }
}

void Loop::free_timer(std::uint32_t slot) {
  Callback callback = std::move(timers_[slot].callback);
  timers_[slot].callback = nullptr;
  free_timers_.push_back(slot);
}

// ---- posts

void Loop::post(Callback callback) {
  check_thread();
  posted_.push_back(std::move(callback));
}

void Loop::post_from_any_thread(Callback callback) {
  {
    const std::lock_guard<std::mutex> lock(remote_mutex_);
    remote_.push_back(std::move(callback));
  }
  const std::uint64_t one = 1;
  // Can only fail when the counter is full, and then the loop is going to wake up anyway.
  (void)!::write(remote_wakeup_.get(), &one, sizeof one);
}

void Loop::take_remote_posts() {
  std::uint64_t count = 0;
  (void)!::read(remote_wakeup_.get(), &count, sizeof count);
  {
    const std::lock_guard<std::mutex> lock(remote_mutex_);
    remote_now_.swap(remote_);
  }
  for (Callback& callback : remote_now_) callback();
  remote_now_.clear();
}

void Loop::on_turn_end(Callback hook) {
  check_thread();
  turn_end_ = std::move(hook);
}

// ---- turns

// Looks at all, to re-arm all.
bool Loop::any_socket_ready() {
  if (sockets_ == 0) return false;
  bool any = false;
  for (Watch& watch : watches_) {
    if (!watch.socket || watch.interest == Interest::kNone) continue;
    watch.socket_ready = watch.socket->readable();
    any = any || watch.socket_ready;
  }
  return any;
}

Duration Loop::time_to_wait(Duration timeout) {
  if (any_socket_ready() || !posted_.empty()) return Duration::zero();
  if (due_.empty()) return timeout;
  const Duration until = due_.front().at - std::chrono::steady_clock::now();
  const Duration left = std::max(until, Duration::zero());
  return timeout < Duration::zero() ? left : std::min(left, timeout);
}

void Loop::wait(Duration timeout) {
  timespec spec{};
  const timespec* limit = nullptr;
  if (timeout >= Duration::zero()) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
    spec.tv_sec = seconds.count();
    spec.tv_nsec = std::chrono::nanoseconds(timeout - seconds).count();
    limit = &spec;
  }
  const int ready = ::ppoll(polls_.data(), polls_.size(), limit, nullptr);
  if (ready < 0) {
    WEIR_CHECK(errno == EINTR, "ppoll: errno " + std::to_string(errno));
    for (pollfd& poll : polls_) poll.revents = 0;
  }
  now_ = std::chrono::steady_clock::now();
}

void Loop::call_watches() {
  // What is added now has revents 0 and is heard in the next turn.
  const std::size_t count = watches_.size();
  for (std::size_t slot = 0; slot < count; ++slot) {
    Watch& watch = watches_[slot];
    if (watch.id == 0 || watch.interest == Interest::kNone) continue;
    const short events = polls_[slot].revents;
    if (watch.socket) {
      if (watch.socket_ready || (events != 0 && watch.socket->readable())) watch.on_socket();
      continue;
    }
    if (events == 0) continue;
    WEIR_CHECK((events & POLLNVAL) == 0, "fd " + std::to_string(watch.fd) + " is closed");
    Ready ready;
    const bool broken = (events & (POLLHUP | POLLERR)) != 0;
    ready.readable = (events & POLLIN) != 0 || broken;
    ready.writable = has(watch.interest, Interest::kWrite) && ((events & POLLOUT) != 0 || broken);
    watch.on_fd(ready);
  }
}

void Loop::call_timers() {
  const auto order = [](const Due& a, const Due& b) { return later(a.at, b.at); };
  // Those armed from now on are due later than now_, so this ends.
  while (!due_.empty() && due_.front().at <= now_) {
    const std::uint64_t id = due_.front().id;
    std::pop_heap(due_.begin(), due_.end(), order);
    due_.pop_back();
    Timer* timer = find_timer(id);
    if (timer == nullptr) continue;
    const bool once = timer->period == Duration::zero();
    if (once) timer->id = 0;  // Gone before it runs: its callback may well set a new one.
    timer->callback();
    if (once) {
      removed_timers_.push_back(slot_of(id));
    } else if (find_timer(id) != nullptr) {
      arm(timer->period, id);
    }
  }
}

void Loop::call_posted() {
  posted_now_.swap(posted_);
  for (Callback& callback : posted_now_) callback();
  posted_now_.clear();
}

void Loop::drop_removed() {
  // By index: what a callback owned may remove more as it goes.
  for (std::size_t i = 0; i < removed_watches_.size(); ++i) free_watch(removed_watches_[i]);
  removed_watches_.clear();
  for (std::size_t i = 0; i < removed_timers_.size(); ++i) free_timer(removed_timers_[i]);
  removed_timers_.clear();
}

void Loop::run_once(Duration timeout) {
  check_thread();
  WEIR_CHECK(!in_turn_, "a turn inside a turn");
  const bool look = posted_.empty() || blind_turns_ == kBlindTurnsMax;
  blind_turns_ = look ? 0 : blind_turns_ + 1;
  if (look) wait(time_to_wait(timeout));
  in_turn_ = true;
  if (look) {
    call_watches();
    call_timers();
  }
  call_posted();
  if (turn_end_) turn_end_();
  drop_removed();
  in_turn_ = false;
}

void Loop::run() {
  check_thread();
  while (!stopping_) run_once(Duration(-1));
  stopping_ = false;
}

void Loop::stop() {
  check_thread();
  stopping_ = true;
}

}  // namespace weir::runtime
