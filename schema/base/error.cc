#include "schema/base/error.h"

#include <cerrno>
#include <system_error>

namespace weir {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kLimit:
      return "limit";
    case ErrorCode::kIo:
      return "io";
  }
  return "unknown";
}

Error Error::in(std::string_view where) && {
  std::string text(where);
  text += ": ";
  text += what;
  what = std::move(text);
  return std::move(*this);
}

Error errno_error(std::string_view action, int errno_value) {
  std::string text(action);
  text += ": ";
  text += std::generic_category().message(errno_value);
  ErrorCode code = ErrorCode::kIo;
  if (errno_value == ENOENT) code = ErrorCode::kNotFound;
  if (errno_value == ENOSPC || errno_value == EDQUOT) code = ErrorCode::kLimit;
  if (errno_value == EEXIST || errno_value == EADDRINUSE) code = ErrorCode::kConflict;
  return Error{code, std::move(text)};
}

}  // namespace weir
