#include "wrapper/shell/wal_writer.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

#include "schema/base/check.h"
#include "wrapper/wal/ranges.h"

namespace weir::shell {
namespace {

bool trims(const wal::LogBatch& batch) {
  return std::any_of(batch.ops().begin(), batch.ops().end(), [](const wal::LogBatch::Op& op) {
    return op.kind == wal::LogBatch::Op::Kind::kEraseRange && wal::is_segmented(op.key[0]);
  });
}

}  // namespace

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
  if (submit_to_thread(batch, sync)) {
    submitted_.notify_one();
  } else {
    write_here(batch);
  }
}

// What erases blocks may sync, to remove their file.
bool WalWriter::submit_to_thread(wal::LogBatch& batch, bool sync) {
  const bool small = !sync && batch.bytes() <= kHereBytesMax && !trims(batch);
  const bool here = small && loop_.now() >= busy_until_;
  std::lock_guard lock(mutex_);
  if (here && !writing_ && batches_.empty() && !error_) return false;
  batches_.push_back(std::move(batch));
  sync_ = sync_ || sync;
  return true;
}

// Only this thread gives the other one anything to write, so nobody else writes now.
void WalWriter::write_here(const wal::LogBatch& batch) {
  const auto start = std::chrono::steady_clock::now();
  const Status status = log_.write(batch, false);
  if (std::chrono::steady_clock::now() - start > kLong) busy_until_ = loop_.now() + kBusyFor;
  {
    std::lock_guard lock(mutex_);
    if (status) {
      ++written_;
    } else {
      error_ = status.error();
    }
  }
  loop_.post([this] { tell_loop(); });
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
      writing_ = true;
    }
    const Status status = log_.write(batches, sync);
    {
      std::lock_guard lock(mutex_);
      writing_ = false;
      if (status) {
        written_ += batches.size();
      } else {
        error_ = status.error();
      }
    }
    eventfd_write(wakeup_.get(), 1);
    batches.clear();
  }
}

void WalWriter::on_wakeup() {
  eventfd_t ignored = 0;
  eventfd_read(wakeup_.get(), &ignored);
  tell_loop();
}

void WalWriter::tell_loop() {
  size_t written = 0;
  std::optional<Error> error;
  {
    std::lock_guard lock(mutex_);
    written = std::exchange(written_, 0);
    error = error_;
  }
  if (written > 0) on_written_(written);
  if (error && !std::exchange(told_error_, true)) on_error_(*error);
}

}  // namespace weir::shell
