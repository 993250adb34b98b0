// How fast a process that dies is started again. Pure.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace weir::ctl {

// The first restart comes after 0.1 s, then the pause doubles up to 2 s; who stayed up for 3 s
// begins again at the first pause. Twenty short lives in a row (about half a minute) are enough;
// those that somebody ended by SIGKILL do not count.
class RestartPace {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kPauseFirst{100};
  static constexpr std::chrono::milliseconds kPauseMax{2000};
  static constexpr std::chrono::milliseconds kUpLongEnough{3000};
  static constexpr int kShortLivesMax = 20;

  void started(Time now) { started_at_ = now; }
  // The pause before the next start; nothing if it is hopeless. `was_killed`: by SIGKILL.
  std::optional<std::chrono::milliseconds> ended(bool was_killed, Time now) {
    if (now - started_at_ >= kUpLongEnough) {
      pause_ = kPauseFirst;
      short_lives_ = 0;
    }
    if (!was_killed && ++short_lives_ > kShortLivesMax) return std::nullopt;
    const auto pause = pause_;
    pause_ = std::min(pause_ * 2, kPauseMax);
    return pause;
  }

 private:
  Time started_at_{};
  std::chrono::milliseconds pause_ = kPauseFirst;
  int short_lives_ = 0;
};

}  // namespace weir::ctl
