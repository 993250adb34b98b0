// How fast a process that dies is started again. Pure.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace weir::ctl {

// The first restart comes after 0.1 s, then the pause doubles up to 5 s; who stayed up for 10 s
// begins again at the first pause. Twelve short lives in a row (about half a minute) are enough.
class RestartPace {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kPauseFirst{100};
  static constexpr std::chrono::milliseconds kPauseMax{5000};
  static constexpr std::chrono::milliseconds kUpLongEnough{10'000};
  static constexpr int kShortLivesMax = 12;

  void started(Time now) { started_at_ = now; }
  // The pause before the next start; nothing if it is hopeless.
  std::optional<std::chrono::milliseconds> ended(Time now) {
    if (now - started_at_ >= kUpLongEnough) short_lives_ = 0;
    if (++short_lives_ > kShortLivesMax) return std::nullopt;
    auto pause = kPauseFirst;
    for (int i = 1; i < short_lives_ && pause < kPauseMax; ++i) pause *= 2;
    return std::min(pause, kPauseMax);
  }

 private:
  Time started_at_{};
  int short_lives_ = 0;
};

}  // namespace weir::ctl
