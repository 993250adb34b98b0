#include "ctl/commands/up.h"

#include <filesystem>
#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/pipeline_input.h"
#include "ctl/up/actions.h"
#include "ctl/up/up.h"
#include "schema/base/log_share.h"
#include "schema/config/units.h"
#include "schema/graph/expression.h"

namespace weir::ctl {
namespace {

struct Options {
  std::string file;
  std::vector<std::string> expressions;
  bool print = false;
  std::string log_limit;
  UpOptions up;
};

Result<graph::Checked<graph::PipelineSpec>> load(const Options& options, std::istream& in) {
  if (!options.expressions.empty()) {
    if (!options.file.empty()) {
      return Error{ErrorCode::kInvalid, "two pipelines given: name a file or -e EXPR, not both"};
    }
    return load_expressions(options.expressions);
  }
  PipelineInput input;
  input.file = options.file;
  // A pipeline that comes from stdin leaves none for a `-` in it.
  return load_pipeline(input, {.allow_stdin = input.file != "-"}, in);
}

// What goes behind "weirctl up --data DIR" to go on with a run that was stopped.
std::vector<std::string> resume_words(const Options& options) {
  std::vector<std::string> words;
  const auto add = [&](const std::string& name, const std::string& value) {
    if (value.empty()) return;
    words.push_back(name);
    words.push_back(value);
  };
  add("--output", options.up.output_dir);
  add("--agents", options.up.agents == 0 ? "" : std::to_string(options.up.agents));
  add("--log-limit", options.log_limit);
  if (options.up.quiet) words.emplace_back("-q");
  if (options.up.strict) words.emplace_back("--strict");
  for (const std::string& expression : options.expressions) add("-e", expression);
  if (!options.file.empty()) words.push_back(options.file);
  return words;
}

Status read_log_limit(Options& options) {
  if (options.log_limit.empty()) return {};
  const bool plain = options.log_limit.find_first_not_of("0123456789") == std::string::npos;
  const Result<uint64_t> bytes =
      config::parse_size(plain ? options.log_limit + "B" : options.log_limit);
  if (!bytes) return Error(bytes.error()).in("--log-limit");
  if (*bytes < kLogLimitBytesMin) {
    return Error{ErrorCode::kInvalid, "--log-limit: " + options.log_limit +
                                          " is less than the largest block takes; give at least " +
                                          config::format_size(kLogLimitBytesMin)};
  }
  options.up.log_limit_bytes = *bytes;
  return {};
}

int up(Program& program, Options& options) {
  Streams& streams = program.streams();
  auto loaded = load(options, streams.in);
  if (!loaded) {
    if (loaded.error().code == ErrorCode::kInvalid) return program.fail_usage(loaded.error().what);
    return program.fail(loaded.error());
  }
  if (!*loaded) {
    streams.err << graph::render(loaded->diagnostics);
    return kFailed;
  }
  graph::PipelineSpec& spec = *loaded->value;
  if (options.print) {
    streams.out << config::print_pipeline(spec);
    return kDone;
  }
  if (Status limit = read_log_limit(options); !limit) return program.fail_usage(limit.error().what);
  const bool from_file = !options.file.empty() && options.file != "-";
  const std::string folder =
      from_file ? std::filesystem::path(options.file).parent_path().string() : "";
  const std::vector<std::string> wrong = resolve_actions(spec, folder);
  for (const std::string& text : wrong) {
    streams.err << "weirctl: " << (from_file ? options.file : "<stdin>") << ": " << text << "\n";
  }
  if (!wrong.empty()) return kFailed;
  options.up.words = resume_words(options);
  options.up.stdin_is_pipeline = options.file == "-";
  options.up.spec = std::move(spec);
  streams.err.flush();
  return run_up(std::move(options.up));
}

}  // namespace

void add_up(Program& program) {
  auto options = std::make_shared<Options>();
  Command command =
      program.add_command("up",
                          {.summary = "run a pipeline on a cluster of its own, in the foreground",
                           .examples = "weirctl up -e \"'seq 1 1000' ; 'grep 7' ; 'wc -l'\"\n"
                                       "cat words | weirctl up -e \"- ; 'sort' ; 'uniq -c'\"\n"
                                       "weirctl up pipeline.toml --data run1 --output results"},
                          [&program, options] { return up(program, *options); });
  command.argument({.names = "FILE", .help = "a pipeline file; - is standard input"},
                   options->file);
  command.option(
      {.names = "-e,--expression",
       .type = "EXPR",
       .help = "an expression of commands in quotes instead of a file; several are joined"},
      options->expressions);
  command.flag({.names = "--print", .help = "print the pipeline file that this stands for"},
               options->print);
  command.option({.names = "--data",
                  .type = "DIR",
                  .help = "keep the run in this folder, and go on with the one that is there"},
                 options->up.data_dir);
  command.option({.names = "--output",
                  .type = "DIR",
                  .help = "write each sink to DIR/NODE instead of standard output"},
                 options->up.output_dir);
  command.option({.names = "--agents",
                  .type = "N",
                  .help = "how many agents to start (at least one for each name in hosts)",
                  .min = 1,
                  .max = 100},
                 options->up.agents);
  command.option({.names = "--log-limit",
                  .type = "BYTES",
                  .help = "the most that one node's log may take: bytes, or 64MiB"},
                 options->log_limit);
  command.option({.names = "--log-level",
                  .type = "LEVEL",
                  .help = "of broker, agents and wrappers",
                  .choices = {"debug", "info", "warn", "error"}},
                 options->up.log_level);
  command.flag(
      {.names = "--strict",
       .help = "end with 1 if a run ended with another status than 0 that was accepted, or "
               "there are dead letters"},
      options->up.strict);
  command.flag({.names = "-q,--quiet", .help = "no notes and no progress"}, options->up.quiet);
}

}  // namespace weir::ctl
