// Records as a program sees them: `frames` (32-bit big-endian length, then the bytes) or `lines`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::bench {

enum class Framing { kFrames, kLines };

// "frames" or "lines"; ends the process with a usage error otherwise.
Framing framing_of(std::string_view name);

// Records from a descriptor. Reads only when all that it has was handed out.
class RecordReader {
 public:
  RecordReader(int fd, Framing framing) : fd_(fd), framing_(framing) {}

  // The next one of those that are here already; its bytes stay until the next call of read_more().
  std::optional<std::string_view> next();
  // Waits for more. False at the end.
  bool read_more();

 private:
  int fd_;
  Framing framing_;
  std::string buffer_;
  size_t begin_ = 0;   // What was handed out ends here.
  size_t end_ = 0;     // What was read ends here.
  size_t needed_ = 0;  // Bytes of the record that is not all here, as far as they are known.
};

class RecordWriter {
 public:
  RecordWriter(int fd, Framing framing) : fd_(fd), framing_(framing) {}

  // Written when much has come together, or by flush().
  void put(std::string_view record);
  void flush();

 private:
  int fd_;
  Framing framing_;
  std::string buffer_;
};

}  // namespace weir::bench
