// Questions about dead letters (schema/wire/control.h), answered from a log: by the wrapper that
// has it open, or by `weir-wrapper --inspect ask LOG_DIR` while none runs.
#pragma once

#include <functional>
#include <string>

#include "schema/base/result.h"
#include "schema/wire/control.h"
#include "wrapper/wal/log.h"

namespace weir::inspect {

// One answer's worth. `is_retried` tells of a letter's number whether it is to be tried again.
// Errors: kNotFound for an id that is not there, kCorrupt, kIo.
Result<wire::DeadData> answer(const wal::Log& log, const wire::DeadRead& question,
                              const std::function<bool(uint64_t)>& is_retried);

// Of a log that no wrapper has open. kConflict for a retry: that needs the program.
Result<wire::DeadChanged> change(wal::Log& log, const wire::DeadChange& question);

// The whole of `--inspect ask`: the question's bytes, and the answer's. A question that cannot be
// answered is answered with a Refusal.
Result<std::string> answer_about(const std::string& log_dir, std::string_view question);

}  // namespace weir::inspect
