#include "wrapper/inspect/inspect.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "schema/base/codec.h"
#include "schema/base/files.h"
#include "wrapper/inspect/log_dump.h"
#include "wrapper/inspect/log_folder.h"
#include "wrapper/inspect/log_verify.h"
#include "wrapper/inspect/questions.h"
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

Status write_letter(const wire::DeadLetter& letter, std::string_view record) {
  const std::string text = Encoder().text(wire::encode_dead_letter(letter)).bytes();
  if (Status written = write_all(STDOUT_FILENO, text, "to stdout"); !written) return written;
  return write_all(STDOUT_FILENO, record, "to stdout");
}

Status inspect_dead(const InspectOptions& options) {
  const Result<UniqueFd> lock = keep_wrappers_away(options.log_dir);
  if (!lock) return lock.error();
  const auto log = wal::open_rocks_log_to_read(options.log_dir + "/log");
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

Status inspect_ask(const InspectOptions& options) {
  std::string question;
  char buffer[16384];
  while (true) {
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("read from stdin", errno);
    if (count == 0) break;
    question.append(buffer, static_cast<size_t>(count));
  }
  const Result<std::string> answer = answer_about(options.log_dir, question);
  if (!answer) return answer.error();
  return write_all(STDOUT_FILENO, *answer, "to stdout");
}

Status write_text(const Result<std::string>& text) {
  return text ? write_all(STDOUT_FILENO, *text, "to stdout") : Status(text.error());
}

Status inspect_what(const InspectOptions& options) {
  if (options.what == "dead") return inspect_dead(options);
  if (options.what == "ask") return inspect_ask(options);
  if (options.what == "verify") return write_text(verify_log(options.log_dir));
  if (options.what == "dump") return write_text(dump_log(options.log_dir, options.blocks_max));
  return Error{ErrorCode::kInvalid,
               "--inspect knows 'dead', 'ask', 'verify' and 'dump', not '" + options.what + "'"};
}

}  // namespace

int inspect(const InspectOptions& options) {
  Status done = inspect_what(options);
  if (done) return 0;
  Error error = std::move(done).error();
  if (error.code == ErrorCode::kCorrupt) {
    error = std::move(error).in("the log in " + options.log_dir + " is damaged");
  }
  std::fprintf(stderr, "%s\n", error.what.c_str());
  return exit_status(error.code);
}

}  // namespace weir::inspect
