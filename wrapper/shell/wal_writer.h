// The thread that writes the log. It takes all batches that wait, writes them in order with one
// sync for all that asked for one (group commit), and tells the loop how many are in the log.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "schema/base/unique_fd.h"
#include "schema/runtime/loop.h"
#include "wrapper/wal/log.h"

namespace weir::shell {

class WalWriter {
 public:
  // `on_written(n)`: the oldest n batches are in the log. `on_error`: the log's tail is unknown; no
  // further call comes. Both on the loop thread. `loop` and `log` must outlive the writer.
  WalWriter(runtime::Loop& loop, wal::Log& log, std::function<void(size_t)> on_written,
            std::function<void(Error)> on_error);
  // Writes what was submitted, then ends the thread.
  ~WalWriter();

  // Loop thread. The caller bounds how much is under way.
  void submit(wal::LogBatch batch, bool sync);

 private:
  void run();
  void tell(size_t written);
  void on_wakeup();

  wal::Log& log_;
  runtime::Loop& loop_;
  std::function<void(size_t)> on_written_;
  std::function<void(Error)> on_error_;
  UniqueFd wakeup_;
  runtime::WatchId watch_ = runtime::WatchId::kNone;
  std::mutex mutex_;
  std::condition_variable submitted_;
  std::vector<wal::LogBatch> batches_;  // Guarded by mutex_, like all below.
  bool sync_ = false;                   // One of them is to be synced.
  size_t written_ = 0;                  // Not yet told to the loop.
  std::optional<Error> error_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::shell
