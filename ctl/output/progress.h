// How far a long transfer has come: one live line on a terminal, a plain line now and then
// elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

namespace weir::ctl {

class Progress {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Between two looks of the live line, and between two plain lines.
  static constexpr std::chrono::milliseconds kLivePause{100};
  static constexpr std::chrono::milliseconds kPlainPause{5'000};

  // "WHAT: 3.0 MiB of 12.0 MiB (25%)".
  Progress(std::ostream& err, std::string what, bool live, Time begun)
      : err_(err), what_(std::move(what)), live_(live), told_at_(begun) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  void show(uint64_t done, uint64_t total, Time now);
  // Removes the live line; before anything else is printed.
  void clear();

 private:
  std::ostream& err_;
  std::string what_;
  bool live_;
  bool is_shown_ = false;
  Time told_at_;
};

}  // namespace weir::ctl
