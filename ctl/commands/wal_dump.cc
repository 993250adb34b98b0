#include "ctl/commands/wal_dump.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/client/inspection.h"
#include "ctl/output/format.h"
#include "ctl/wal/log_text.h"

namespace weir::ctl {
namespace {

constexpr size_t kAnswerBytesMax = 1u << 30;

struct Options {
  std::string dir;
  uint32_t limit = 1000;
  std::string format;
};

int dump(Program& program, const Options& options) {
  const Result<std::string> answer = Inspection::run(
      {"dump", options.dir, "--blocks", std::to_string(options.limit)}, kAnswerBytesMax);
  if (!answer) {
    const bool damaged = answer.error().code == ErrorCode::kIo;
    const std::string hint =
        damaged ? "\nhint: to see what can be read: weirctl wal verify " + options.dir : "";
    return program.fail({answer.error().code, answer.error().what + hint});
  }
  const auto log = read_log_answer(*answer);
  if (!log) return program.fail(log.error());
  const Result<std::string> text = dump_text(*log);
  if (!text) return program.fail(text.error());
  program.streams().out << (is_json(options.format) ? to_text(*log) : *text);
  return kDone;
}

}  // namespace

void add_wal_dump(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command(
      "wal dump",
      {.summary = "show what a log holds: history, frontiers, units, dead letters, blocks",
       .examples = "weirctl wal dump /var/lib/weir/agent/wal/simplepipe/even.0\n"
                   "weirctl wal dump run1/agents/local/wal/up/grep.0 --limit 10 -o json"},
      [&program, options] { return dump(program, *options); });
  command.argument(
      {.names = "DIR",
       .help = "the folder of a node's log: wal/PIPELINE/NODE.INSTANCE in its agent's data folder",
       .is_required = true},
      options->dir);
  command.option({.names = "--limit",
                  .type = "N",
                  .help = "no more blocks than this, from the first on (1000)"},
                 options->limit);
  add_format_option(command, options->format);
}

}  // namespace weir::ctl
