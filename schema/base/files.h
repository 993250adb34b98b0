// What several parts do with files. Blocks for as long as the disk takes; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace weir {

// Waits as a blocking call would, for as long as it takes, where a descriptor that others share
// with us was made non-blocking by one of them: for room to write, or for something to read.
void wait_writable(int fd);
void wait_readable(int fd);

// All of it, however often the system takes only a part. `what` is named in errors.
Status write_all(int fd, std::string_view bytes, const std::string& what);

// How much of a change is on the disk when a call returns.
enum class Sync {
  kNo,       // Nothing, perhaps.
  kContent,  // What the file holds; under which name shows once its folder is synced.
  kYes,      // All of it.
};

// Replaces `path` by a file with these bytes (mode 0600), through PATH.new: at any moment the old
// or the new one is there, whole.
Status replace_file(const std::string& path, std::string_view bytes, Sync sync);

// What was made, renamed or removed in it is on the disk afterwards.
Status sync_folder(const std::string& folder);

// "." for a name without a folder.
std::string folder_of(const std::string& path);

// From the kernel.
Result<uint64_t> random_number();

}  // namespace weir
