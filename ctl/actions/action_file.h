// A program's file on its way to the broker: looked at once, hashed, then read in pieces. It is
// never in memory as a whole.
//
// Owns the open file. Blocks for as long as reading takes. Thread: one.
#pragma once

#include <cstdint>
#include <string>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"

namespace weir::ctl {

class ActionFile {
 public:
  // kNotFound; kInvalid: a folder, no regular file, or empty; kLimit: larger than an action may be;
  // kIo: it cannot be read; kConflict: it changed meanwhile. All with path and remedy.
  static Result<ActionFile> open(const std::string& path);

  const std::string& path() const { return path_; }
  uint64_t bytes() const { return bytes_; }
  const std::string& sha256() const { return sha256_; }
  // It begins like something that the kernel can run: ELF, or "#!".
  bool looks_like_a_program() const { return looks_like_a_program_; }

  // At most `bytes_max` from there on. kConflict: the file is another one than was hashed.
  Result<std::string> read(uint64_t offset, size_t bytes_max) const;
  // kConflict: it has been changed since it was opened, as far as the file system tells.
  Status check_unchanged() const;

 private:
  ActionFile() = default;
  Status hash();
  Error changed() const;

  std::string path_;
  UniqueFd fd_;
  uint64_t bytes_ = 0;
  int64_t changed_at_ns_ = 0;
  std::string sha256_;
  bool looks_like_a_program_ = false;
};

}  // namespace weir::ctl
