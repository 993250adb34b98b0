// Whether the host was booted since the agent last ran: DATA/boot_id has the boot that it knows of.
#pragma once

#include <string>

#include "schema/base/result.h"

namespace weir::agent {

// True if `data_dir` says that this boot of the host was seen. A host that cannot tell its boots
// apart was never booted.
bool is_noted_boot(const std::string& data_dir);
Status note_this_boot(const std::string& data_dir);

}  // namespace weir::agent
