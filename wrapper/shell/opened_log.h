// The log as a wrapper finds it on its disk: opened, and set aside if it is damaged and upstream
// holds what is needed to make it again (R2, R3).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "schema/wire/order.h"
#include "wrapper/core/state.h"
#include "wrapper/wal/log.h"

namespace weir::shell {

struct OpenedLog {
  std::unique_ptr<wal::Log> log;
  core::LogState state;
};

// `note` is told what a person should know. Errors: kCorrupt, with what is at stake, if it is
// damaged and a sole copy (R5); kInvalid if it is another node's; kLimit if the disk is full; kIo.
Result<OpenedLog> open_log_of(const wire::StartOrder& order,
                              const std::function<void(std::string)>& note);

// The highest boot that was opened here, beside the log: one that begins again after it was set
// aside goes on above it, and is not refused by peers that saw the one before. Best effort: without
// it they refuse once (R2).
uint64_t kept_boot(const wire::StartOrder& order);
void keep_boot(const wire::StartOrder& order, uint64_t boot);

// A log that turned out to be damaged while it was used: the next opening sets it aside. Not for
// sole copies.
Status condemn_log(const wire::StartOrder& order, const std::string& why);

// What is wrong with a sole copy, what is at stake, and what to do.
Error damaged_sole_copy(const wire::StartOrder& order, const Error& damage);

}  // namespace weir::shell
