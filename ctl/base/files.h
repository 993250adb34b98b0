// Small files that must be whole or not there at all. Blocks; any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace weir::ctl {

inline constexpr size_t kSmallFileBytesMax = 16u << 20;

// The whole file; nothing if there is none. kLimit over kSmallFileBytesMax.
Result<std::optional<std::string>> read_small_file(const std::string& path);

// Makes the folder, and those above it, unless it is there.
Status make_folder(const std::string& path, mode_t mode);
// A fresh folder, 0700, whose path begins with `prefix`.
Result<std::string> make_fresh_folder(const std::string& prefix);

}  // namespace weir::ctl
