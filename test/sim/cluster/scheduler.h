// The virtual clock of a simulated cluster, and what is to happen when.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "wrapper/core/effects.h"

namespace weir::sim {

using core::SteadyTime;
using Duration = SteadyTime::duration;
using std::chrono::milliseconds;

class Scheduler {
 public:
  SteadyTime now() const { return now_; }
  void at(SteadyTime when, std::function<void()> what) {
    events_.push_back({std::max(when, now_), ++count_, std::move(what)});
    std::push_heap(events_.begin(), events_.end(), later);
  }
  void after(Duration delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
  // Lets time pass until the next one. False: nothing will ever happen again.
  bool step() {
    if (events_.empty()) return false;
    std::pop_heap(events_.begin(), events_.end(), later);
    const Event event = std::move(events_.back());
    events_.pop_back();
    now_ = event.when;
    event.what();
    return true;
  }

 private:
  struct Event {
    SteadyTime when;
    uint64_t number = 0;  // What was asked for first happens first.
    std::function<void()> what;
  };
  static bool later(const Event& a, const Event& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }

  SteadyTime now_{std::chrono::hours(1)};
  uint64_t count_ = 0;
  std::vector<Event> events_;
};

// Whatever lives and can be stopped for a while (SIGSTOP): what happens to it meanwhile happens
// when it goes on, and what was to happen after its end never does.
class Process {
 public:
  explicit Process(Scheduler& scheduler)
      : scheduler_(scheduler), stopped_(std::make_shared<SteadyTime>()) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void later(Duration delay, std::function<void()> what) {
    deliver(scheduler_, scheduler_.now() + delay, stopped_, std::move(what));
  }
  void stop_until(SteadyTime when) { *stopped_ = std::max(*stopped_, when); }
  void go_on() { *stopped_ = SteadyTime{}; }
  bool stopped() const { return *stopped_ > scheduler_.now(); }

 protected:
  ~Process() = default;
  // It is dead, although the object is still there.
  void no_more_events() { stopped_ = std::make_shared<SteadyTime>(SteadyTime::max()); }
  Scheduler& scheduler() { return scheduler_; }

 private:
  static void deliver(Scheduler& scheduler, SteadyTime when, std::weak_ptr<SteadyTime> stopped,
                      std::function<void()> what) {
    scheduler.at(when, [&scheduler, stopped, what = std::move(what)] {
      const auto lives = stopped.lock();
      if (!lives) return;
      if (*lives > scheduler.now()) {
        deliver(scheduler, *lives, stopped, what);
      } else {
        what();
      }
    });
  }

  Scheduler& scheduler_;
  std::shared_ptr<SteadyTime> stopped_;  // Until then; shared by nobody but its events.
};

}  // namespace weir::sim
