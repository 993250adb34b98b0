// The folder of a wrapper's log, for those that look at it.
#pragma once

#include <string>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"

namespace weir::inspect {

// Keeps wrappers away for as long as the descriptor is open; others may look at the same time. A
// wrapper that starts meanwhile waits. Not valid: no wrapper was ever here. Errors: kNotFound: no
// such folder; kConflict: a wrapper has it.
Result<UniqueFd> keep_wrappers_away(const std::string& log_dir);

}  // namespace weir::inspect
