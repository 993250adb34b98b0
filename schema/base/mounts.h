// What a file system was mounted with, where that keeps a program from being run.
#pragma once

#include <optional>
#include <string>

namespace weir {

// The mount point of the file system that `path` is on, if no program there can be run (noexec).
std::optional<std::string> noexec_mount(const std::string& path);

// "is on MOUNT, which is mounted noexec: ..." and what to do.
std::string noexec_text(const std::string& mount);

}  // namespace weir
