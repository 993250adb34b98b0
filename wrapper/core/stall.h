// R12: hung is told from busy by progress, not by heartbeats.
#pragma once

#include <cstdint>
#include <string>

#include "wrapper/core/effects.h"

namespace weir::core {

class StallWatch {
 public:
  // No limit: never stalled.
  explicit StallWatch(std::chrono::milliseconds limit) : limit_(limit) {}

  // A new run begins: it has used nothing yet.
  void started(SteadyTime now) {
    progress(now);
    cpu_ticks_ = 0;
  }
  // Bytes were taken or given.
  void progress(SteadyTime now) { progress_at_ = now; }

  // Call each turn. True, once, if the program owes an answer, its output is being read, and for
  // the limit it has taken nothing, given nothing and used no processor.
  bool stalled(SteadyTime now, bool owes, Effects& effects) {
    if (limit_.count() == 0 || !owes) {
      progress(now);
      return false;
    }
    if (now - progress_at_ < limit_) return false;
    const uint64_t used = effects.run_cpu_ticks();
    const bool busy = used != cpu_ticks_;
    cpu_ticks_ = used;
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
  uint64_t cpu_ticks_ = 0;
};

}  // namespace weir::core
