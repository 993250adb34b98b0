// The dead letters of a log, for those who look at it. Pure but for the log.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/wire/control.h"
#include "schema/wire/dead_letter.h"
#include "wrapper/wal/log.h"

namespace weir::inspect {

struct DeadLetterQuery {
  std::string id;                          // Only this one; empty: all.
  uint64_t record_bytes_max = UINT64_MAX;  // Of each record; the rest is left out.
  uint64_t record_from = 0;                // Where in each record that begins.
  uint64_t from = 0;                       // No letter with a lower number.
};

// False: that was enough.
using OnDeadLetter = std::function<bool(const wire::DeadLetter& letter, std::string_view record)>;

// Hands them out in the order in which they were given up. A log in which nothing was ever written
// has none. Errors: kNotFound for an id that is not there, kCorrupt, kIo.
Status read_dead_letters(const wal::Log& log, const DeadLetterQuery& query,
                         const OnDeadLetter& on_letter);

// The same for a log whose owner is known: nothing else of it is read.
Status scan_dead_letters(const wal::Log& log, const wire::InstanceKey& owner,
                         const DeadLetterQuery& query, const OnDeadLetter& on_letter);

}  // namespace weir::inspect
