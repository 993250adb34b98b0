// What is left of the host's disk and memory.
#pragma once

#include <string>

#include "wrapper/core/pressure.h"

namespace weir::shell {

// `memory_file`: in the form of /proc/meminfo.
core::Room room_of(const std::string& log_dir, const std::string& memory_file);

}  // namespace weir::shell
