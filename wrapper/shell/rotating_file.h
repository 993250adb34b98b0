// A file that a program's output is appended to, and that never grows without end: at so many bytes
// FILE becomes FILE.1, and FILE begins anew.
#pragma once

#include <string>
#include <string_view>

#include "schema/base/unique_fd.h"

namespace weir::shell {

class RotatingFile {
 public:
  static constexpr size_t kBytesMax = 8u << 20;

  // An empty path keeps nothing. A file that cannot be written is done without.
  explicit RotatingFile(std::string path, size_t bytes_max = kBytesMax);

  void append(std::string_view bytes);

 private:
  void open();

  std::string path_;
  size_t bytes_max_;
  UniqueFd file_;
  size_t file_bytes_ = 0;
};

}  // namespace weir::shell
