// The event loop of a process: one thread that owns all sockets and the core.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "schema/base/unique_fd.h"
#include "schema/runtime/zmq_socket.h"

namespace weir::runtime {

using SteadyTime = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// What a watch is interested in. kNone keeps the watch but reports nothing, not even a hang-up.
enum class Interest : std::uint8_t { kNone = 0, kRead = 1, kWrite = 2, kReadWrite = 3 };

// What is ready. A hang-up or an error is reported as readable; to a watch that asked for write
// an error is reported as writable too, so that the write that follows gets its errno.
struct Ready {
  bool readable = false;
  bool writable = false;
};

// Names of watches and timers; 0 is none. A name is never used twice, so cancelling one that is
// gone does nothing.
enum class WatchId : std::uint64_t { kNone = 0 };
enum class TimerId : std::uint64_t { kNone = 0 };

// Single-threaded event loop over raw file descriptors, ZeroMQ sockets and timers.
//
// A turn: wait, call the watches that are ready, call the timers that are due, call what was
// posted (a post from a post waits for the next turn), call the turn-end hook. What the last turn
// left posted is called without a look at watches and timers before it, kBlindTurnsMax times in a
// row: what follows from a callback goes on at once. All callbacks may add, change and remove any
// watch or timer, themselves included. A watch removed during a turn is not called again in it. A
// steady loop does not allocate.
//
// Thread: the loop thread, which is the one that constructed it, or the last that called
// adopt_thread(). Every entry point checks this, post_from_any_thread() aside.
class Loop {
 public:
  using FdCallback = std::function<void(Ready)>;
  using Callback = std::function<void()>;

  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  // Makes the calling thread the loop thread. Only while the loop does not run.
  void adopt_thread();

  // Watches `fd`, level-triggered. The caller keeps the fd open until unwatch().
  WatchId watch_fd(int fd, Interest interest, FdCallback callback);
  // Watches a ZeroMQ socket for messages to read; level-triggered as well. unwatch() comes before
  // the socket is closed; it may be moved meanwhile.
  WatchId watch_socket(ZmqSocket& socket, Callback callback);
  // Cheap: two stores. For a ZeroMQ socket only kNone and kRead make sense.
  void set_interest(WatchId id, Interest interest);
  // Also forgets kNone and names that are gone.
  void unwatch(WatchId id);

  // One-shot and repeating timers. `every` counts from when it last ran, so it does not catch up.
  TimerId after(Duration delay, Callback callback);
  TimerId every(Duration period, Callback callback);
  void cancel(TimerId id);

  // Runs `callback` at the end of this turn (or of the next one, outside of callbacks).
  void post(Callback callback);
  // Any thread: runs `callback` on the loop thread in a turn soon.
  void post_from_any_thread(Callback callback);
  // Called once after each turn's callbacks. One hook; an empty function removes it.
  void on_turn_end(Callback hook);

  // Runs turns until stop().
  void run();
  // Makes run() return after this turn. A stop before run() makes it return at once.
  void stop();
  // One turn that waits no longer than `timeout`. A negative one waits without limit.
  void run_once(Duration timeout);

  // The time at which this turn woke up; cheap.
  SteadyTime now() const { return now_; }

 private:
  struct Watch {
    std::uint64_t id = 0;  // 0: free.
    int fd = -1;           // The raw fd, or the ZeroMQ socket's own.
    std::optional<SocketView> socket;
    bool socket_ready = false;  // As any_socket_ready() saw it last.
    Interest interest = Interest::kNone;
    FdCallback on_fd;
    Callback on_socket;
  };
  struct Timer {
    std::uint64_t id = 0;  // 0: free.
    Duration period{};     // Zero: one-shot.
    Callback callback;
  };
  struct Due {
    SteadyTime at;
    std::uint64_t id;
  };

  void check_thread() const;
  Watch& new_watch(std::uint32_t* slot);
  Watch* find_watch(std::uint64_t id);
  Timer* find_timer(std::uint64_t id);
  TimerId add_timer(Duration delay, Duration period, Callback callback);
  void free_watch(std::uint32_t slot);
  void free_timer(std::uint32_t slot);
  void arm(Duration delay, std::uint64_t id);
  void set_poll_events(std::uint32_t slot);
  bool any_socket_ready();
  Duration time_to_wait(Duration timeout);
  void wait(Duration timeout);
  void call_watches();
  void call_timers();
  void call_posted();
  void take_remote_posts();
  void drop_removed();

  std::thread::id thread_;
  SteadyTime now_;
  std::uint64_t last_generation_ = 0;
  bool stopping_ = false;
  bool in_turn_ = false;

  // Watches by slot. A deque, because a callback that runs must not move when others are added.
  // polls_[i] belongs to watches_[i].
  std::deque<Watch> watches_;
  std::vector<pollfd> polls_;
  std::vector<std::uint32_t> free_watches_;
  std::vector<std::uint32_t> removed_watches_;  // Freed at the end of the turn.
  std::size_t sockets_ = 0;

  std::deque<Timer> timers_;
  std::vector<std::uint32_t> free_timers_;
  std::vector<std::uint32_t> removed_timers_;
  std::vector<Due> due_;  // A heap, earliest first; entries of cancelled timers are skipped.

  static constexpr int kBlindTurnsMax = 3;
  int blind_turns_ = 0;  // In a row.
  std::vector<Callback> posted_;
  std::vector<Callback> posted_now_;
  Callback turn_end_;

  std::mutex remote_mutex_;
  std::vector<Callback> remote_;  // Guarded by remote_mutex_.
  std::vector<Callback> remote_now_;
  UniqueFd remote_wakeup_;
};

}  // namespace weir::runtime
