#include "schema/runtime/worker.h"

#include <utility>

namespace weir::runtime {

Worker::Worker(Loop& loop) {
  state_->loop = &loop;
  thread_ = std::thread([state = state_] { run(state); });
}

Worker::~Worker() {
  *alive_ = false;
  {
    const std::lock_guard lock(state_->mutex);
    state_->loop = nullptr;
    state_->jobs.clear();
  }
  state_->changed.notify_all();
  if (waiting_ == 0) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void Worker::submit(Job job, Done done) {
  ++waiting_;
  Done counted = [this, alive = alive_, done = std::move(done)](Status status) {
    if (!*alive) return;
    --waiting_;
    done(std::move(status));
  };
  {
    const std::lock_guard lock(state_->mutex);
    state_->jobs.emplace_back(std::move(job), std::move(counted));
  }
  state_->changed.notify_one();
}

void Worker::run(const std::shared_ptr<State>& state) {
  while (true) {
    std::pair<Job, Done> next;
    {
      std::unique_lock lock(state->mutex);
      state->changed.wait(lock, [&] { return state->loop == nullptr || !state->jobs.empty(); });
      if (state->jobs.empty()) return;
      next = std::move(state->jobs.front());
      state->jobs.pop_front();
    }
    Status status = next.first();
    next.first = nullptr;
    tell(state, std::move(next.second), std::move(status));
  }
}

void Worker::tell(const std::shared_ptr<State>& state, Done done, Status status) {
  const std::lock_guard lock(state->mutex);
  if (state->loop == nullptr) return;
  state->loop->post_from_any_thread(
      [done = std::move(done), status = std::move(status)] { done(status); });
}

}  // namespace weir::runtime
