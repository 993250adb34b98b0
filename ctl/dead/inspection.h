// The dead letters of one log, as weir-wrapper tells them: the program that knows how a log is
// written. weirctl itself never opens one.
//
// Blocks while weir-wrapper works, and waits for no longer than a minute for the next bytes.
// Thread: any.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/wire/dead_letter.h"

namespace weir::ctl {

struct DeadLetterQuery {
  std::string log_dir;
  std::string id;                              // Only this one; empty: all.
  std::optional<uint64_t> record_bytes_max{};  // Of each record; the rest is left out.
};

// False: that was enough.
using OnDeadLetter = std::function<bool(const wire::DeadLetter& letter, std::string_view record)>;

// An id that is not there is no error, and no call. Errors: kNotFound (the log, or weir-wrapper),
// kConflict (the node runs), kTimeout, and others with what weir-wrapper says.
Status read_dead_letters(const DeadLetterQuery& query, const OnDeadLetter& on_letter);

}  // namespace weir::ctl
