#include "wrapper/shell/wal_writer.h"

#include <sys/eventfd.h>

#include "schema/base/check.h"

namespace weir::shell {

WalWriter::WalWriter(runtime::Loop& loop, wal::Log& log, std::function<void(size_t)> on_written,
                     std::function<void(Error)> on_error)
    : log_(log),
      loop_(loop),
      on_written_(std::move(on_written)),
      on_error_(std::move(on_error)),
      wakeup_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  WEIR_CHECK(wakeup_.valid(), "eventfd");
  watch_ = loop_.watch_fd(wakeup_.get(), runtime::Interest::kRead,
                          [this](runtime::Ready) { on_wakeup(); });
  thread_ = std::thread([this] { run(); });
}

WalWriter::~WalWriter() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  submitted_.notify_one();
  thread_.join();
  loop_.unwatch(watch_);
}

void WalWriter::submit(wal::LogBatch batch, bool sync) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(batch), sync});
  }
  submitted_.notify_one();
}

void WalWriter::run() {
  while (true) {
    std::deque<Job> jobs;
    {
      std::unique_lock lock(mutex_);
      submitted_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty() || error_) return;
      jobs.swap(jobs_);
    }
    write(std::move(jobs));
  }
}

void WalWriter::write(std::deque<Job> jobs) {
  size_t last_sync = jobs.size();
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (jobs[i].sync) last_sync = i;
  }
  size_t untold = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    // One sync covers all that was written before it.
    const Status status = log_.write(jobs[i].batch, i == last_sync);
    if (!status) {
      std::lock_guard lock(mutex_);
      error_ = status.error();
      break;
    }
    ++untold;
    const bool wait_for_sync = last_sync < jobs.size() && i < last_sync;
    if (!wait_for_sync) tell(std::exchange(untold, 0));
  }
  if (error_) tell(0);
}

void WalWriter::tell(size_t written) {
  {
    std::lock_guard lock(mutex_);
    written_ += written;
  }
  eventfd_write(wakeup_.get(), 1);
}

void WalWriter::on_wakeup() {
  eventfd_t ignored = 0;
  eventfd_read(wakeup_.get(), &ignored);
  size_t written = 0;
  std::optional<Error> error;
  {
    std::lock_guard lock(mutex_);
    written = std::exchange(written_, 0);
    error = error_;
  }
  if (written > 0) on_written_(written);
  if (error) on_error_(*error);
}

}  // namespace weir::shell
