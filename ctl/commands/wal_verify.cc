#include "ctl/commands/wal_verify.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/client/inspection.h"
#include "ctl/output/format.h"
#include "ctl/wal/log_text.h"

namespace weir::ctl {
namespace {

constexpr size_t kAnswerBytesMax = 64u << 20;

struct Options {
  std::string dir;
  std::string format;
};

int verify(Program& program, const Options& options) {
  const Result<std::string> answer = Inspection::run({"verify", options.dir}, kAnswerBytesMax);
  if (!answer) return program.fail(answer.error());
  const auto log = read_log_answer(*answer);
  if (!log) return program.fail(log.error());
  // Also tells that all fields are there.
  const Result<std::string> text = verified_text(*log);
  if (!text) return program.fail(text.error());
  program.streams().out << (is_json(options.format) ? to_text(*log) : *text);
  return log->at("damages").empty() ? kDone : kFailed;
}

}  // namespace

void add_wal_verify(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command(
      "wal verify",
      {.summary = "check all of a log, and say which file is damaged and what that affects",
       .examples = "weirctl wal verify /var/lib/weir/agent/wal/simplepipe/even.0\n"
                   "weirctl wal verify run1/agents/local/wal/up/grep.0 -o json"},
      [&program, options] { return verify(program, *options); });
  command.argument(
      {.names = "DIR",
       .help = "the folder of a node's log: wal/PIPELINE/NODE.INSTANCE in its agent's data folder",
       .is_required = true},
      options->dir);
  add_format_option(command, options->format);
}

}  // namespace weir::ctl
