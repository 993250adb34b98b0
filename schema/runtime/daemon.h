// What broker, agent and wrapper have in common at their start.
#pragma once

#include <functional>

#include "schema/base/error.h"
#include "schema/base/result.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/signals.h"

namespace weir::runtime {

// Calls `stop` on SIGTERM, and on Ctrl-C in a terminal: `supervised` processes (by `up`, or by an
// agent) leave that one to whoever started them. A signal that was ignored when this process was
// started stays ignored. Thread: see SignalWatch.
Result<SignalWatch> watch_for_stop(Loop& loop, bool supervised, const std::function<void()>& stop);

// The exit status of a daemon that cannot start, as weirctl has them too: 2 for what its caller
// gave it, 6 for a conflict, else 1.
int exit_status_of(ErrorCode code);

}  // namespace weir::runtime
