// One thread beside the loop for what may block: writing to stdout, syncing, hashing and deleting
// files. Jobs run one after the other; when a job is done the loop is told.
//
// Owns the thread. Thread: loop; jobs run on the worker's own. Nothing survives a crash.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "schema/base/result.h"
#include "schema/runtime/loop.h"

namespace weir::runtime {

class Worker {
 public:
  using Job = std::function<Status()>;
  using Done = std::function<void(Status)>;

  // Signals must be blocked already, so that the thread does not get any.
  explicit Worker(Loop& loop);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  // A job that hangs (nobody reads our stdout) is left to itself: nothing that it holds goes, and
  // `done` is not called any more.
  ~Worker();

  // `done` is called on the loop thread. The caller bounds how many jobs wait.
  void submit(Job job, Done done);
  bool idle() const { return waiting_ == 0; }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::pair<Job, Done>> jobs;
    Loop* loop = nullptr;  // Null once the worker is gone.
  };
  static void run(const std::shared_ptr<State>& state);
  static void tell(const std::shared_ptr<State>& state, Done done, Status status);

  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  size_t waiting_ = 0;
  std::thread thread_;
};

}  // namespace weir::runtime
