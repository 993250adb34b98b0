#include "ctl/output/progress.h"

#include <ostream>

#include "ctl/output/units.h"

namespace weir::ctl {

void Progress::show(uint64_t done, uint64_t total, Time now) {
  if (now - told_at_ < (live_ ? kLivePause : kPlainPause)) return;
  told_at_ = now;
  const uint64_t percent = total == 0 ? 100 : done * 100 / total;
  const std::string text = what_ + ": " + readable_bytes(done) + " of " + readable_bytes(total) +
                           " (" + std::to_string(percent) + "%)";
  if (live_) {
    err_ << "\r\x1b[K" << text;
    is_shown_ = true;
  } else {
    err_ << text << "\n";
  }
  err_.flush();
}

void Progress::clear() {
  if (!is_shown_) return;
  err_ << "\r\x1b[K";
  err_.flush();
  is_shown_ = false;
}

}  // namespace weir::ctl
