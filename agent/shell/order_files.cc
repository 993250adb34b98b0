#include "agent/shell/order_files.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "agent/shell/files.h"
#include "schema/base/files.h"

namespace weir::agent {
namespace {

LifeEvent failed(const Status& status) { return DiskFailed{status.error().what}; }

}  // namespace

void OrderFiles::store(const wire::StartOrder& order) {
  add({wire::key_of(order), order, std::nullopt});
}

void OrderFiles::remove(const wire::InstanceKey& key) { add({key, std::nullopt, std::nullopt}); }

void OrderFiles::note_starts(const wire::InstanceKey& key, const Starts& starts) {
  add({key, std::nullopt, starts});
}

void OrderFiles::add(Task task) {
  waiting_.push_back(std::move(task));
  begin();
}

void OrderFiles::begin() {
  if (busy_ || waiting_.empty()) return;
  busy_ = true;
  const auto tasks = std::make_shared<std::vector<Task>>();
  while (!waiting_.empty() && tasks->size() < kAtOnce) {
    tasks->push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  worker_.submit(
      [layout = layout_, tasks]() -> Status {
        carry_out(layout, *tasks);
        return {};
      },
      [this, tasks](const Status& /*status*/) {
        busy_ = false;
        for (const Task& task : *tasks) {
          if (task.event) done_(task.key, *task.event);
        }
        begin();
      });
}

// On the worker's thread.
void OrderFiles::carry_out(const Layout& layout, std::vector<Task>& tasks) {
  bool any = false;
  for (Task& task : tasks) {
    if (task.starts) {
      write_starts(layout.starts_file(task.key), *task.starts);
      continue;
    }
    const std::string path = layout.order_file(task.key);
    Status done;
    if (task.store) {
      done = write_order(path, *task.store);
      task.event = OrderStored{};
    } else {
      ::unlink(layout.starts_file(task.key).c_str());
      done = remove_order(path);
      task.event = OrderRemoved{};
    }
    if (!done) task.event = failed(done);
    any = any || done;
  }
  if (!any) return;
  const Status synced = sync_folder(layout.orders_dir());
  if (synced) return;
  for (Task& task : tasks) {
    if (task.event) task.event = failed(synced);
  }
}

}  // namespace weir::agent
