// What a program writes to stderr: appended to a file that is rotated, and its last part kept at
// hand.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "wrapper/shell/rotating_file.h"

namespace weir::shell {

class StderrFile {
 public:
  static constexpr size_t kTailBytes = 2048;
  static constexpr size_t kBytesMin = 64u << 10;

  // An empty path keeps only the tail. `log_limit_bytes`: what the node's log may take (0: all it
  // wants); on a disk where that is little, what is said may not take more.
  StderrFile(std::string path, uint64_t log_limit_bytes)
      : file_(std::move(path), bytes_max(log_limit_bytes)) {}

  static size_t bytes_max(uint64_t log_limit_bytes) {
    if (log_limit_bytes == 0) return RotatingFile::kBytesMax;
    return std::clamp<uint64_t>(log_limit_bytes / 8, kBytesMin, RotatingFile::kBytesMax);
  }

  void append(std::string_view bytes) {
    tail_.append(bytes);
    if (tail_.size() > kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
    file_.append(bytes);
  }
  const std::string& tail() const { return tail_; }
  void clear_tail() { tail_.clear(); }

 private:
  RotatingFile file_;
  std::string tail_;
};

}  // namespace weir::shell
