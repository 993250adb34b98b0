#include "wrapper/shell/wal_writer.h"

#include <sys/eventfd.h>

#include <utility>

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
    batches_.push_back(std::move(batch));
    sync_ = sync_ || sync;
  }
  submitted_.notify_one();
}

void WalWriter::run() {
  std::vector<wal::LogBatch> batches;
  while (true) {
    bool sync = false;
    {
      std::unique_lock lock(mutex_);
      submitted_.wait(lock, [this] { return stopping_ || !batches_.empty(); });
      if (batches_.empty() || error_) return;
      batches.swap(batches_);
      sync = std::exchange(sync_, false);
    }
    const Status status = log_.write(batches, sync);
    if (!status) {
      std::lock_guard lock(mutex_);
      error_ = status.error();
    }
    tell(status ? batches.size() : 0);
    batches.clear();
  }
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
