// The thread that writes the log. It takes all batches that wait, writes them in order with one
// sync for all that asked for one (group commit), and tells the loop how many are in the log.
#pragma once

#include <chrono>
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

  // Loop thread. The caller bounds how much is under way. A small batch that is not to be synced is
  // written at once where the other thread has nothing to do: to wake that one, and to be woken by
  // it, takes several times as long. on_written() is called later all the same.
  void submit(wal::LogBatch batch, bool sync);

 private:
  static constexpr size_t kHereBytesMax = 16u << 10;
  // After a write that took so long the disk is busy: small ones go to the other thread for a
  // while.
  static constexpr std::chrono::milliseconds kLong{5};
  static constexpr std::chrono::seconds kBusyFor{1};

  bool submit_to_thread(wal::LogBatch& batch, bool sync);
  void write_here(const wal::LogBatch& batch);
  void run();
  void on_wakeup();
  void tell_loop();

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
  bool writing_ = false;                // The thread is.
  size_t written_ = 0;                  // Not yet told to the loop.
  std::optional<Error> error_;
  bool stopping_ = false;
  runtime::SteadyTime busy_until_{};  // Loop thread only, like the next one.
  bool told_error_ = false;
  std::thread thread_;
};

}  // namespace weir::shell
