// Follows the files into which wrappers write their programs' stderr, and hands out whole lines.
//
// Owns the open files. Blocks for no longer than reading a file does. Thread: one.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/unique_fd.h"

namespace weir::ctl {

class StderrFollow {
 public:
  static constexpr size_t kLineBytesMax = 64u << 10;  // Longer ones are handed out in pieces.
  static constexpr size_t kBytesPerPoll = 1u << 20;

  // A line with its newline, as it was written.
  using OnLine = std::function<void(const std::string& node, std::string_view line)>;

  // `folders`: where files named NODE.INSTANCE.stderr are, or will be.
  StderrFollow(std::vector<std::string> folders, OnLine on_line);

  // What is there now was shown by an earlier run.
  void skip_existing();
  // Hands out what has come. False if there is more already.
  bool poll();
  // Hands out all that is left; last lines without a newline get one.
  void finish();

 private:
  struct File {
    std::string node;
    UniqueFd fd;
    ino_t inode = 0;
    std::string partial;
  };

  void find_files();
  void open_file(const std::string& path, File& file, off_t offset);
  size_t read_some(File& file);
  void hand_out(File& file, bool all);
  bool was_replaced(const std::string& path, const File& file) const;

  std::vector<std::string> folders_;
  OnLine on_line_;
  std::map<std::string, File> files_;  // By path.
};

}  // namespace weir::ctl
