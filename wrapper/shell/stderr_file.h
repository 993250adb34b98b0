// What a program writes to stderr: appended to a file that is rotated, and its last part kept at
// hand.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "wrapper/shell/rotating_file.h"

namespace weir::shell {

class StderrFile {
 public:
  static constexpr size_t kTailBytes = 2048;

  // An empty path keeps only the tail.
  explicit StderrFile(std::string path) : file_(std::move(path)) {}

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
