#include "wrapper/inspect/inspect.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "schema/base/codec.h"
#include "schema/base/files.h"
#include "schema/base/unique_fd.h"
#include "wrapper/wal/rocks_log.h"

namespace weir::inspect {
namespace {

int exit_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return 3;
    case ErrorCode::kConflict:
      return 6;
    default:
      return 1;
  }
}

// Keeps wrappers away for as long as the descriptor is open; others may look at the same time. A
// wrapper that starts meanwhile waits. Not valid: no wrapper was ever here.
Result<UniqueFd> keep_wrappers_away(const std::string& log_dir) {
  const std::string path = log_dir + "/wrapper.lock";
  UniqueFd lock(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock.valid()) {
    if (errno == ENOENT) return lock;
    return errno_error("open " + path, errno);
  }
  if (::flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return errno_error("lock " + path, errno);
  return Error{ErrorCode::kConflict, log_dir +
                                         ": its wrapper is running; a log can be read while "
                                         "its node is stopped"};
}

Status write_letter(const wire::DeadLetter& letter, std::string_view record) {
  const std::string text = Encoder().text(wire::encode_dead_letter(letter)).bytes();
  if (Status written = write_all(STDOUT_FILENO, text, "to stdout"); !written) return written;
  return write_all(STDOUT_FILENO, record, "to stdout");
}

Status inspect_dead(const InspectOptions& options) {
  std::error_code failure;
  if (!std::filesystem::is_directory(options.log_dir, failure)) {
    return Error{ErrorCode::kNotFound, options.log_dir + ": there is no such folder"};
  }
  const Result<UniqueFd> lock = keep_wrappers_away(options.log_dir);
  if (!lock) return lock.error();
  const Result<std::unique_ptr<const wal::Log>> log =
      wal::open_rocks_log_to_read(options.log_dir + "/log");
  // A wrapper that came no further has left none.
  if (!log && log.error().code == ErrorCode::kNotFound && options.query.id.empty()) return {};
  if (!log) return log.error();
  Status written;
  Status read = read_dead_letters(**log, options.query, [&](const auto& letter, auto record) {
    written = write_letter(letter, record);
    return written.has_value();
  });
  return written ? read : written;
}

}  // namespace

int inspect(const InspectOptions& options) {
  Status done =
      options.what == "dead"
          ? inspect_dead(options)
          : Error{ErrorCode::kInvalid, "--inspect knows 'dead', not '" + options.what + "'"};
  if (done) return 0;
  Error error = std::move(done).error();
  if (error.code == ErrorCode::kCorrupt) {
    error = std::move(error).in("the log in " + options.log_dir + " is damaged");
  }
  std::fprintf(stderr, "%s\n", error.what.c_str());
  return exit_status(error.code);
}

}  // namespace weir::inspect
