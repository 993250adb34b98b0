// What the wrapper itself says goes to stdout and stderr, which its agent has pointed to a file.
#pragma once

#include <sys/types.h>

#include <string>

namespace weir::shell {

inline constexpr off_t kOwnLogBytesMax = 4 << 20;

// Begins `path`, which is where 1 and 2 go, anew if it has become larger than that, or is gone;
// what was there is PATH.1. Failures are left for the next time: a log is no reason to stop.
void rotate_own_log(const std::string& path, off_t bytes_max = kOwnLogBytesMax);

}  // namespace weir::shell
