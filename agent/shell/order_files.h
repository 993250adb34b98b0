// Writes the agent's order files on a thread of its own, so that a slow disk holds up neither
// heartbeats nor what wrappers say. What waits is written together, with one sync of the folder,
// but so little at once that what follows from it leaves the loop room for the rest.
//
// Owns the thread. Thread: loop; answers come there, never from within a call. What survives a
// crash: what was answered.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/layout.h"
#include "agent/core/wrapper_life.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/worker.h"

namespace weir::agent {

class OrderFiles {
 public:
  static constexpr size_t kAtOnce = 32;

  // OrderStored, OrderRemoved or DiskFailed.
  using Done = std::function<void(const wire::InstanceKey& key, const LifeEvent& event)>;

  OrderFiles(runtime::Loop& loop, Layout layout, Done done)
      : layout_(std::move(layout)), done_(std::move(done)), worker_(loop) {}

  // A WrapperLife has one of them at a time, so what waits is bounded.
  void store(const wire::StartOrder& order);
  void remove(const wire::InstanceKey& key);
  // Not answered, and nothing is lost if it fails.
  void note_starts(const wire::InstanceKey& key, const Starts& starts);

 private:
  struct Task {
    wire::InstanceKey key;
    std::optional<wire::StartOrder> store;
    std::optional<Starts> starts;  // Neither: it is removed.
    std::optional<LifeEvent> event = {};
  };

  void add(Task task);
  void begin();
  static void carry_out(const Layout& layout, std::vector<Task>& tasks);

  Layout layout_;
  Done done_;
  std::deque<Task> waiting_;
  bool busy_ = false;
  runtime::Worker worker_;
};

}  // namespace weir::agent
