// The one error type. An error tells the caller what to do (code), and the reader what was wrong
// and where (what, with context in front of it).
#pragma once

#include <string>
#include <string_view>

namespace weir {

// Codes are few and answer "what should the caller do?".
enum class ErrorCode {
  kInvalid,      // The input is wrong: mend it.
  kNotFound,     // The named thing does not exist.
  kConflict,     // The thing exists or is in another state than the request needs.
  kUnavailable,  // Somebody is not there now: try again.
  kTimeout,      // The outcome is unknown: ask again.
  kCorrupt,      // Stored or received bytes are not what was written.
  kLimit,        // A stated bound was reached.
  kIo,           // The operating system said no; `what` has its text.
};

std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInvalid;
  std::string what;

  // Returns this error with "where: " in front of its text. Used on the way up.
  Error in(std::string_view where) &&;
};

// An error from errno: "action: strerror".
Error errno_error(std::string_view action, int errno_value);

}  // namespace weir
