// What a program writes to stderr: appended to a file that is rotated, and its last part kept at
// hand.
#pragma once

#include <string>
#include <string_view>

#include "schema/base/unique_fd.h"

namespace weir::shell {

class StderrFile {
 public:
  static constexpr size_t kFileBytesMax = 8u
                                          << 20;  // Then it becomes FILE.1, and FILE begins anew.
  static constexpr size_t kTailBytes = 2048;

  // An empty path keeps only the tail. A file that cannot be written is done without.
  explicit StderrFile(std::string path);

  void append(std::string_view bytes);
  const std::string& tail() const { return tail_; }
  void clear_tail() { tail_.clear(); }

 private:
  void open();

  std::string path_;
  UniqueFd file_;
  size_t file_bytes_ = 0;
  std::string tail_;
};

}  // namespace weir::shell
