// R12: hung is told from busy by progress, not by heartbeats.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "wrapper/core/effects.h"

namespace weir::core {

class StallWatch {
 public:
  // No limit: never stalled.
  explicit StallWatch(std::chrono::milliseconds limit) : limit_(limit) {}

  // A new run begins.
  void started(SteadyTime now) { progress(now); }
  // Bytes were taken or given.
  void progress(SteadyTime now) {
    progress_at_ = now;
    looked_at_.reset();
  }

  // Call each turn. True, once, if the program owes an answer, its output is being read, and for
  // the limit it has taken nothing and given nothing, and used no processor for half of that.
  bool stalled(SteadyTime now, bool owes, Effects& effects) {
    if (limit_.count() == 0 || !owes || effects.run_waits()) {
      progress(now);
      return false;
    }
    // What it used while it began, or for what it did last, does not count.
    if (!looked_at_ && now - progress_at_ >= limit_ / 4) {
      looked_at_ = now;
      cpu_ticks_ = effects.run_cpu_ticks();
    }
    if (now - progress_at_ < limit_ || now - *looked_at_ < limit_ / 2) return false;
    const bool busy = effects.run_cpu_ticks() != cpu_ticks_;
    progress(now);
    return !busy;
  }

  std::string reason() const {
    return "made no progress for " + std::to_string(limit_.count()) +
           " ms while it owed an answer (stall_timeout)";
  }

 private:
  std::chrono::milliseconds limit_;
  SteadyTime progress_at_{};
  std::optional<SteadyTime> looked_at_;  // When cpu_ticks_ was read, since the last progress.
  uint64_t cpu_ticks_ = 0;
};

}  // namespace weir::core
