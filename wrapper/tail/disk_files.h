// The file system that there is. Thread: any, one at a time.
#pragma once

#include "wrapper/tail/files.h"

namespace weir::tail {

class DiskFiles : public Files {
 public:
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<FileStat> stat(const std::string& path) override;
  Result<std::string> real_path(const std::string& path) override;
  Result<Handle> open(const std::string& path) override;
  void close(Handle handle) override;
  Result<FileStat> stat(Handle handle) override;
  Result<size_t> read(Handle handle, uint64_t offset, std::span<char> room) override;
};

}  // namespace weir::tail
