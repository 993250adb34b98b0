#include "ctl/commands/logs.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>

#include "ctl/exit_code.h"
#include "ctl/logs/follow.h"
#include "ctl/logs/log_files.h"
#include "ctl/up/run_folder.h"

namespace weir::ctl {
namespace {

struct Options {
  std::string data_dir;
  std::vector<std::string> nodes;
  std::optional<uint32_t> tail;
  bool follow = false;
  bool wrapper = false;
};

// As `up` shows them: nothing stands in front where only one node has anything to say.
LineFormat line_format(const graph::PipelineSpec& spec, bool wrapper) {
  const auto speaks = [&](const graph::NodeSpec& node) { return wrapper || !node.caller_stdin; };
  const auto speakers = std::count_if(spec.nodes.begin(), spec.nodes.end(), speaks);
  if (speakers <= 1) return [](const auto& /*node*/, auto line) { return std::string(line); };
  return [](const std::string& node, auto line) { return (node + "| ").append(line); };
}

int print(Program& program, LogSource& source, const LineFormat& format) {
  std::ostream& out = program.streams().out;
  const auto on_line = [&](const std::string& node, std::string_view line) {
    out << format(node, line);
  };
  while (out) {
    const Result<LogSource::Progress> progress = source.poll(on_line);
    if (!progress) return program.fail(progress.error());
    if (*progress == LogSource::Progress::kDrained) break;
  }
  source.finish(on_line);
  return kDone;
}

int logs(Program& program, const Options& options) {
  const Result<RunFolder> folder = RunFolder::open(options.data_dir);
  if (!folder) return program.fail(folder.error());
  Result<std::vector<std::string>> nodes = folder->nodes_named(options.nodes);
  if (!nodes) return program.fail(nodes.error());
  LogFilesConfig config;
  config.folders = [&] { return folder->log_folders(); };
  config.suffix = options.wrapper ? kWrapperLogSuffix : kStderrSuffix;
  config.nodes = *std::move(nodes);
  config.tail = options.tail;
  config.follow = options.follow;
  LogFiles source(std::move(config));
  const LineFormat format = line_format(folder->spec(), options.wrapper);
  if (!options.follow) return print(program, source, format);
  const Result<int> code = follow_log(source, format);
  return code ? *code : program.fail(code.error());
}

}  // namespace

void add_logs(Program& program) {
  auto options = std::make_shared<Options>();
  CLI::App* const command =
      program.add_command("logs",
                          {.summary = "show what programs have written to stderr",
                           .examples = "weirctl logs --data run1\n"
                                       "weirctl logs --data run1 grep --tail 20 -f\n"
                                       "weirctl logs --data run1 --wrapper"},
                          [&program, options] { return logs(program, *options); });
  command->add_option("NODE", options->nodes, "only of these nodes")->type_name("");
  command
      ->add_option("--data", options->data_dir, "the data folder of a 'weirctl up', running or not")
      ->type_name("DIR")
      ->required();
  command
      ->add_option("--tail", options->tail,
                   "begin with the last N lines of each node, not with the first that is kept")
      ->type_name("N");
  command->add_flag("-f,--follow", options->follow, "go on with what comes, until Ctrl-C");
  command->add_flag("--wrapper", options->wrapper,
                    "the logs of the wrappers, not those of their programs");
}

}  // namespace weir::ctl
