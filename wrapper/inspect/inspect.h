// `weir-wrapper --inspect WHAT LOG_DIR`: what a log holds, told by the program that knows its
// format to those that do not (weirctl). The log is only read, and only while no wrapper has it.
//
// WHAT is "dead": dead letters on stdout, each as in schema/wire/dead_letter.h; or "verify" or
// "dump": a JSON document (log_verify.h, log_dump.h). An error is one line on stderr and the exit
// status: 3 there is no such log or letter, 6 a wrapper has the log, 1 any other.
//
// Or "ask": answers a control message from stdin with one on stdout (questions.h), and may drop
// dead letters when that is asked.
#pragma once

#include <string>

#include "wrapper/inspect/dead_letters.h"

namespace weir::inspect {

struct InspectOptions {
  std::string what;
  std::string log_dir;
  DeadLetterQuery query;
  uint64_t blocks_max = UINT64_MAX;  // Of a dump.
};

// Returns the exit status.
int inspect(const InspectOptions& options);

}  // namespace weir::inspect
