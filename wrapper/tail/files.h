// What weir-tail asks of a file system. The follower calls these; disk_files.h carries them out,
// and tests have one in memory. They block for as long as the file system does.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "schema/base/result.h"

namespace weir::tail {

// A file, whatever its name. Used again for another one once it is removed.
struct FileId {
  uint64_t device = 0;
  uint64_t inode = 0;

  auto operator<=>(const FileId&) const = default;
};

struct FileStat {
  FileId id;
  uint64_t bytes = 0;
  int64_t changed_ns = 0;  // When its bytes were changed last, since 1970.
  uint64_t links = 0;      // Names that it has.
  bool is_regular = false;

  bool operator==(const FileStat&) const = default;
};

using Handle = int;
inline constexpr Handle kNoHandle = -1;

// Errors: kNotFound where there is nothing of that name, kIo with the system's words for all else.
class Files {
 public:
  virtual ~Files() = default;

  // Names in a folder, without "." and "..", in any order.
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;
  // Follows symbolic links, as do all of these.
  virtual Result<FileStat> stat(const std::string& path) = 0;
  // Without any symbolic links.
  virtual Result<std::string> real_path(const std::string& path) = 0;
  // For reading, a regular file only.
  virtual Result<Handle> open(const std::string& path) = 0;
  virtual void close(Handle handle) = 0;
  virtual Result<FileStat> stat(Handle handle) = 0;
  // From `offset` on; fewer bytes than there is room for only at the end of the file.
  virtual Result<size_t> read(Handle handle, uint64_t offset, std::span<char> room) = 0;
};

}  // namespace weir::tail
