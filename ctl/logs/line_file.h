// A file to which another process appends lines, read as it grows: over rotation (FILE becomes
// FILE.1, and FILE begins anew), truncation, and being removed and made again.
//
// Owns one open file. Blocks for no longer than reading a file does. Thread: one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"

namespace weir::ctl {

class LineFile {
 public:
  static constexpr size_t kLineBytesMax = 64u << 10;  // Longer ones are handed out in pieces.
  static constexpr size_t kBytesPerPoll = 1u << 20;

  // A line with its newline, as it was written.
  using OnLine = std::function<void(std::string_view line)>;

  // The file need not be there yet. It is read from the beginning of FILE.1, unless one of the
  // begin functions is called before the first poll().
  explicit LineFile(std::string path) : path_(std::move(path)) {}

  // What is there now is not wanted.
  Status begin_at_end() { return begin_at_tail(0); }
  // Of what is there now only the last `lines` lines are wanted.
  Status begin_at_tail(size_t lines);
  // What comes after this call is not wanted.
  void end_at_end();

  // Hands out what has come. False if there is more already.
  Result<bool> poll(const OnLine& on_line);
  // Hands out a last line without a newline, with one.
  void finish(const OnLine& on_line) { hand_out(on_line, true); }

 private:
  std::string rotated() const { return path_ + ".1"; }
  bool was_replaced() const;
  Status open_next(const OnLine& on_line);
  Result<size_t> read_some(const OnLine& on_line);
  void hand_out(const OnLine& on_line, bool all);

  std::string path_;
  UniqueFd fd_;
  ino_t inode_ = 0;               // Of the file that is read.
  ino_t rotated_inode_ = 0;       // Of the FILE.1 that is not wanted, or was read.
  std::optional<uint64_t> left_;  // How many bytes are still wanted.
  std::string partial_;
};

}  // namespace weir::ctl
