// Keeps a fast writer from running away from readers that are about as fast: what they have not
// been sent yet would leave memory, and be read back from the log. Where a reader is slow the log
// is there to take what comes, so the writer is held up a moment, once, and then goes on.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "wrapper/core/effects.h"

namespace weir::core {

class Pacer {
 public:
  // Unsent bytes in memory at which the program's output is left in its pipe.
  static constexpr uint64_t kBytes = 8u << 20;
  // How long at most. In it a reader of the speed that matters here takes far more than kBytes.
  static constexpr std::chrono::milliseconds kHoldMax{100};

  // Once per turn. `unsent`: published bytes in memory that a reader waits for; `in_memory`:
  // nothing that one waits for has left it. When it begins to hold: until when at most.
  std::optional<SteadyTime> look(uint64_t unsent, bool in_memory, SteadyTime now) {
    if (unsent < kBytes) {
      until_.reset();
      if (in_memory) slow_ = false;
    } else if (!slow_ && !until_) {
      until_ = now + kHoldMax;
      return until_;
    } else if (until_ && now >= *until_) {
      until_.reset();
      slow_ = true;
    }
    return std::nullopt;
  }
  bool holds() const { return until_.has_value(); }

 private:
  std::optional<SteadyTime> until_;
  bool slow_ = false;  // Until all readers have caught up.
};

}  // namespace weir::core
