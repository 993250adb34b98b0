// A program that is written to disk: at its path when it is complete, or not at all.
//
// Owns PATH.XXXXXX until then, and removes it when it goes. Hold signals meanwhile (SignalsHeld),
// or one may end the process before. Blocks. Thread: one.
#pragma once

#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"

namespace weir::ctl {

class ProgramFile {
 public:
  static Result<ProgramFile> create(const std::string& path);
  ProgramFile(ProgramFile&& other) noexcept;
  ProgramFile& operator=(ProgramFile&&) = delete;
  ~ProgramFile();

  Status write(std::string_view bytes);
  // Synced, mode 0755, and in the place of what was at the path.
  Status commit();

 private:
  ProgramFile(std::string path, std::string fresh, UniqueFd fd)
      : path_(std::move(path)), fresh_(std::move(fresh)), fd_(std::move(fd)) {}

  std::string path_;
  std::string fresh_;  // Empty: there is none any more.
  UniqueFd fd_;
};

}  // namespace weir::ctl
