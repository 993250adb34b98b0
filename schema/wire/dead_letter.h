// A dead letter (R9) on its way from the log that holds it to somebody who looks at it:
// `weir-wrapper --inspect dead` writes them to stdout, and weirctl reads them there.
//
//   4   bytes of the description, big-endian
//   n   the description: a msgpack map, as in control messages
//   m   the first `sent_bytes` of the record, as they are
//
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/wire/bytes.h"

namespace weir::wire {

inline constexpr size_t kDeadLetterTextBytesMax = 1u << 20;  // Of the description.

struct DeadLetter {
  std::string pipeline;
  std::string node;
  uint32_t instance = 0;
  std::string id;             // "INSTANCE.TERM.NUMBER": unique within the node, always the same.
  std::string origin;         // The lane that the record came in on: "node.instance".
  std::string origin_record;  // Its id there: "term.boot.sequence".
  std::string unit;           // WEIR_UNIT of the runs that failed; empty for `lines` and `frames`.
  uint64_t unix_ms = 0;       // When it was given up.
  uint32_t attempts = 0;      // Runs that failed with it among their records.
  std::string reason;         // "exited with status 3"
  std::optional<int32_t> status;  // Of the last of them; neither, if it was stopped.
  std::optional<int32_t> signal;
  Bytes stderr_tail;   // Its last words.
  std::string action;  // What was run: a command, or the path of a program.
  uint64_t record_bytes = 0;
  uint64_t sent_bytes = 0;  // At most record_bytes.
  bool retrying = false;    // It waits to be given to its program again, or has been given to it.

  bool operator==(const DeadLetter&) const = default;
};

// Without the length in front.
std::string encode_dead_letter(const DeadLetter& letter);
// Errors as for decode().
Result<DeadLetter> decode_dead_letter(std::string_view bytes);

}  // namespace weir::wire
