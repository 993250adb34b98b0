// Waiting until a pipeline is what a command wants it to be.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "ctl/cli/session.h"
#include "schema/wire/control.h"

namespace weir::ctl {

enum class Wanted { kRunning, kCompleted, kStopped, kRemoved };

// "running", "completed", ...
std::string_view to_string(Wanted wanted);

// Nothing: it may still come. kIo: the pipeline failed; kConflict: somebody else wants something
// else of it. Pure.
std::optional<Status> judge(Wanted wanted, const wire::PipelineStatus& status);

struct Wait {
  std::string pipeline;
  Wanted wanted = Wanted::kRunning;
  std::optional<std::chrono::milliseconds> limit;  // None: for as long as it takes.
};

// Asks again and again, over restarts of the broker too; says on stderr why it has not come when
// that has been the reason for a while. Errors: as judge() gives them; kTimeout with the state and
// the reason; kNotFound (unless it is to be removed), and those of asking.
Status wait_for(Program& program, Session& session, const Wait& wait);

// Adds `--timeout DURATION`.
void add_timeout_option(Command command, std::optional<std::chrono::milliseconds>& limit);

}  // namespace weir::ctl
