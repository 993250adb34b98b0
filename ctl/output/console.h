// weirctl's stderr: messages, the programs' stderr, and one live line of progress where it is a
// terminal.
//
// Written as stderr takes it, in pieces that do not block; what waits is bounded by `full()`, which
// who can wait asks before. Owns no descriptor. Thread: loop.
#pragma once

#include <string>
#include <string_view>

#include "schema/runtime/loop.h"

namespace weir::ctl {

class Console {
 public:
  static constexpr size_t kWaitingBytesMax = 256u << 10;

  // `live`: there is a terminal, and a progress line is wanted.
  Console(runtime::Loop& loop, int fd, bool live);
  ~Console();

  // "weir: TEXT"
  void say(std::string_view text);
  // Bytes as they are, whole lines.
  void raw(std::string_view lines);
  // Replaces the live line; empty removes it.
  void progress(std::string_view text);
  bool live() const { return live_; }
  // Nobody reads what is written.
  bool broken() const { return broken_; }
  bool full() const { return waiting_.size() >= kWaitingBytesMax; }
  // Writes what is left, waiting no longer than `limit` in all. Blocks.
  void finish(std::chrono::milliseconds limit);

 private:
  // Of a pipe that poll() calls writable at least this much is taken at once.
  static constexpr size_t kPieceBytes = 4096;

  void add(std::string_view text);
  void write_some();

  runtime::Loop& loop_;
  int fd_;
  bool live_;
  runtime::WatchId watch_;
  std::string waiting_;
  std::string progress_;  // What the live line shows.
  bool broken_ = false;
};

}  // namespace weir::ctl
