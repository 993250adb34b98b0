#include "ctl/commands/logs.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"
#include "ctl/logs/broker_logs.h"
#include "ctl/logs/follow.h"
#include "ctl/logs/log_files.h"
#include "ctl/output/instances.h"
#include "ctl/up/run_folder.h"
#include "schema/graph/topology.h"

namespace weir::ctl {
namespace {

struct Options {
  std::vector<std::string> names;  // Of nodes; without --data the pipeline's comes first.
  std::string data_dir;
  std::optional<uint32_t> tail;
  bool follow = false;
  bool stdout_of_sinks = false;
  bool wrapper = false;
};

constexpr std::chrono::milliseconds kFollowPause{200};

wire::LogKind kind_of(const Options& options) {
  if (options.wrapper) return wire::LogKind::kWrapper;
  return options.stdout_of_sinks ? wire::LogKind::kStdout : wire::LogKind::kStderr;
}

// Whether there is such a log of the node at all.
bool has_log(const graph::PipelineSpec& spec, uint32_t node, wire::LogKind kind) {
  switch (kind) {
    case wire::LogKind::kWrapper:
      return true;
    case wire::LogKind::kStdout:
      return graph::is_sink(spec, node);
    case wire::LogKind::kStderr:
      return !spec.nodes[node].caller_stdin;
  }
  return false;
}

// As `up` shows them: nothing stands in front where only one instance is shown, or has anything to
// say.
LineFormat line_format(const graph::PipelineSpec& spec, wire::LogKind kind,
                       const std::vector<std::string>& nodes) {
  size_t speakers = 0;
  for (const std::string& node : nodes) {
    const uint32_t index = *graph::find_node(spec, node);
    speakers += has_log(spec, index, kind) ? graph::instance_count(spec.nodes[index]) : 0;
  }
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

int logs_of_folder(Program& program, const Options& options) {
  const Result<RunFolder> folder = RunFolder::open(options.data_dir);
  if (!folder) return program.fail(folder.error());
  Result<std::vector<std::string>> nodes = folder->nodes_named(options.names);
  if (!nodes) return program.fail(nodes.error());
  LogFilesConfig config;
  config.folders = [&] { return folder->log_folders(); };
  config.suffix = options.wrapper ? kWrapperLogSuffix : kStderrSuffix;
  const LineFormat format = line_format(folder->spec(), kind_of(options), *nodes);
  config.nodes = *std::move(nodes);
  config.label = [&](const auto& node, uint32_t instance) {
    return instance_label(folder->spec(), node, instance);
  };
  config.tail = options.tail;
  config.follow = options.follow;
  config.is_complete = [&] { return folder->is_complete(); };
  LogFiles source(std::move(config));
  if (!options.follow) return print(program, source, format);
  const Result<int> code = follow_log(source, format);
  return code ? *code : program.fail(code.error());
}

// The nodes that are asked for and have such a log.
Result<std::vector<std::string>> nodes_with_log(const graph::PipelineSpec& spec,
                                                const std::vector<std::string>& names,
                                                wire::LogKind kind) {
  Result<std::vector<std::string>> nodes = nodes_named(spec, names);
  if (!nodes) return nodes;
  std::vector<std::string> with;
  for (const std::string& node : *nodes) {
    if (has_log(spec, *graph::find_node(spec, node), kind)) {
      with.push_back(node);
    } else if (!names.empty()) {
      return Error{ErrorCode::kInvalid,
                   "node '" + node + "' is no sink: what it writes to stdout goes to its readers"};
    }
  }
  return with;
}

class BrokerLogsCommand {
 public:
  BrokerLogsCommand(Program& program, Session& session, const Options& options)
      : program_(program), session_(session), options_(options) {}

  int run() {
    const std::string& pipeline = options_.names.front();
    const auto answer = session_.ask<wire::PipelineSpecIs>(wire::PipelineGet{pipeline});
    if (!answer) return session_.fail(answer.error());
    const graph::PipelineSpec& spec = answer->spec;
    auto nodes =
        nodes_with_log(spec, {options_.names.begin() + 1, options_.names.end()}, kind_of(options_));
    if (!nodes) return session_.fail(nodes.error());
    const LineFormat format = line_format(spec, kind_of(options_), *nodes);
    BrokerLogsConfig config;
    config.pipeline = pipeline;
    config.nodes = *std::move(nodes);
    config.kind = kind_of(options_);
    config.tail = options_.tail;
    config.follow = options_.follow;
    config.on_note = [this](const std::string& text) {
      program_.streams().out.flush();
      program_.note(text);
    };
    BrokerLogs source(session_.broker(), std::move(config));
    return options_.follow ? follow(source, format) : print_all(source, format);
  }

 private:
  LogSource::OnLine writer(const LineFormat& format) {
    return [&out = program_.streams().out, &format](
               const std::string& node, std::string_view line) { out << format(node, line); };
  }

  int print_all(BrokerLogs& source, const LineFormat& format) {
    const LogSource::OnLine on_line = writer(format);
    while (program_.streams().out) {
      const auto progress = source.poll(on_line);
      if (!progress) return session_.fail(progress.error());
      if (*progress == LogSource::Progress::kDrained) break;
    }
    source.finish(on_line);
    return source.is_incomplete() ? kFailed : kDone;
  }

  int follow(BrokerLogs& source, const LineFormat& format) {
    const LogSource::OnLine on_line = writer(format);
    Broker& broker = session_.broker();
    bool is_away = false;
    while (true) {
      // Asked first: what comes between the two is handed out.
      const bool is_complete = source.is_complete();
      const auto progress = source.poll(on_line);
      program_.streams().out.flush();
      if (is_complete && progress && *progress == LogSource::Progress::kDrained) {
        return completed(source, on_line);
      }
      if (broker.signal() != 0) break;
      if (!program_.streams().out || program_.system().is_out_closed()) return kDone;
      if (progress) {
        is_away = false;
        if (*progress == LogSource::Progress::kMore) continue;
      } else if (progress.error().code == ErrorCode::kTimeout) {
        if (!is_away) program_.note("the broker does not answer; waiting for it");
        is_away = true;
      } else {
        source.finish(on_line);
        return ended(progress.error());
      }
      if (!broker.pause(kFollowPause)) break;
    }
    source.finish(on_line);
    program_.streams().out.flush();
    return 128 + broker.signal();
  }

  int completed(BrokerLogs& source, const LogSource::OnLine& on_line) {
    source.finish(on_line);
    program_.streams().out.flush();
    program_.note("pipeline '" + options_.names.front() + "' is completed");
    return kDone;
  }

  // A pipeline that was removed has nothing more to say.
  int ended(const Error& error) {
    if (error.code != ErrorCode::kNotFound) return session_.fail(error);
    program_.note("pipeline '" + options_.names.front() + "' was removed");
    return kDone;
  }

  Program& program_;
  Session& session_;
  const Options& options_;
};

int logs(Program& program, const Options& options) {
  if (options.wrapper && options.stdout_of_sinks) {
    return program.fail_usage("--wrapper and --stdout are two logs: ask for one at a time");
  }
  if (!options.data_dir.empty()) {
    if (program.is_broker_named()) return program.fail_usage("--data asks no broker");
    if (options.stdout_of_sinks) {
      return program.fail_usage("'weirctl up' hands out what sinks write, and keeps none of it");
    }
    return logs_of_folder(program, options);
  }
  if (options.names.empty()) {
    return program.fail_usage("no pipeline given",
                              "name one that the broker has, or the data folder of a 'weirctl up' "
                              "with --data DIR");
  }
  return with_broker(program, [&](Session& session) {
    return BrokerLogsCommand(program, session, options).run();
  });
}

}  // namespace

void add_logs(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command("logs",
                                        {.summary = "show what programs have written to stderr",
                                         .examples = "weirctl logs simplepipe\n"
                                                     "weirctl logs simplepipe even --tail 20 -f\n"
                                                     "weirctl logs simplepipe print --stdout\n"
                                                     "weirctl logs --data run1 --wrapper"},
                                        [&program, options] { return logs(program, *options); });
  command.argument(
      {.names = "NAME", .help = "a pipeline, and which of its nodes; with --data only nodes"},
      options->names);
  command.option({.names = "--data",
                  .type = "DIR",
                  .help = "the data folder of a 'weirctl up', running or not"},
                 options->data_dir);
  command.option(
      {.names = "--tail",
       .type = "N",
       .help = "begin with the last N lines of each node, not with the first that is kept"},
      options->tail);
  command.flag({.names = "-f,--follow",
                .help = "go on with what comes, until the pipeline is completed, or Ctrl-C"},
               options->follow);
  command.flag({.names = "--stdout",
                .help = "what the sinks have written to stdout, as far as their agents keep it"},
               options->stdout_of_sinks);
  command.flag(
      {.names = "--wrapper", .help = "the logs of the wrappers, not those of their programs"},
      options->wrapper);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
