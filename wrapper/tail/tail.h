// The process of weir-tail: messages over stdin and stdout (schema/wire/source_protocol.h), inotify
// and the clock. Thread: one.
#pragma once

#include "wrapper/tail/tracker.h"

namespace weir::tail {

// Until it is done, or nobody reads it any more. The exit status; what was wrong is on stderr.
int run_tail(const FollowOptions& options);

}  // namespace weir::tail
