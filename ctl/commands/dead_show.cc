#include "ctl/commands/dead_show.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/base/shell_word.h"
#include "ctl/cli/session.h"
#include "ctl/dead/letter_text.h"
#include "ctl/dead/letters.h"
#include "ctl/output/format.h"
#include "ctl/up/run_folder.h"
#include "schema/graph/diagnostic.h"

namespace weir::ctl {
namespace {

struct Options {
  std::vector<std::string> names;  // Node and id; without --data the pipeline's comes first.
  std::string data_dir;
  std::string pipeline;
  std::string node;
  std::string id;
  std::string format;
  bool raw = false;
};

void print(std::ostream& out, const Options& options, const wire::DeadLetter& letter,
           std::string_view record) {
  if (options.raw) {
    out.write(record.data(), static_cast<std::streamsize>(record.size()));
  } else if (is_json(options.format)) {
    out << to_text(to_json(letter, record));
  } else {
    out << to_page(letter, record);
  }
}

Error no_such_letter(const Options& options) {
  const std::string where =
      options.data_dir.empty() ? options.pipeline : "--data " + shell_quoted(options.data_dir);
  return Error{ErrorCode::kNotFound,
               options.node + " has no dead letter '" + graph::printable(options.id) +
                   "'\nhint: to see which it has: weirctl dead list " + where + " " + options.node};
}

LetterFilter filter_of(const Options& options) {
  const bool whole = options.raw || is_json(options.format);
  return {options.id, whole ? std::nullopt : std::optional(kRecordBytesOnPage)};
}

int show_of_folder(Program& program, const Options& options) {
  const Result<RunFolder> folder = RunFolder::open(options.data_dir);
  if (!folder) return program.fail(folder.error());
  const Result<std::vector<std::string>> nodes = folder->nodes_named({options.node});
  if (!nodes) return program.fail(nodes.error());
  const Result<std::vector<InstanceLog>> logs = folder->record_logs(*nodes);
  if (!logs) return program.fail(logs.error());
  std::optional<Error> failure;
  for (const InstanceLog& log : *logs) {
    bool found = false;
    const Status read =
        read_dead_letters(log.dir, filter_of(options), [&](const auto& letter, auto record) {
          print(program.streams().out, options, letter, record);
          found = true;
          return false;
        });
    if (found) return kDone;
    if (!read) failure = Error(read.error()).in(log.label);
  }
  return program.fail(failure ? *std::move(failure) : no_such_letter(options));
}

int show_of_cluster(Program& program, Session& session, const Options& options) {
  const auto instances = placed_instances(session.broker(), options.pipeline, {options.node});
  if (!instances) return session.fail(instances.error());
  std::optional<Error> failure;
  for (const PlacedInstance& instance : *instances) {
    bool found = false;
    const Status read = read_dead_letters(session.broker(), instance.key, filter_of(options),
                                          [&](const auto& letter, auto record) {
                                            print(program.streams().out, options, letter, record);
                                            found = true;
                                            return false;
                                          });
    if (found) return kDone;
    if (!read) failure = Error(read.error()).in(instance.label);
  }
  return session.fail(failure ? *std::move(failure) : no_such_letter(options));
}

int show(Program& program, Options& options) {
  if (options.raw && is_json(options.format)) {
    return program.fail_usage("--raw writes the record as it is, not as JSON: leave out one");
  }
  const bool of_folder = !options.data_dir.empty();
  if (of_folder && program.is_broker_named()) return program.fail_usage("--data asks no broker");
  if (options.names.size() != (of_folder ? 2 : 3)) {
    return program.fail_usage(of_folder ? "with --data a node and an id are needed"
                                        : "a pipeline, a node and an id are needed");
  }
  options.id = options.names.back();
  options.node = options.names[options.names.size() - 2];
  if (of_folder) return show_of_folder(program, options);
  options.pipeline = options.names.front();
  return with_broker(program,
                     [&](Session& session) { return show_of_cluster(program, session, options); });
}

}  // namespace

void add_dead_show(Program& program) {
  auto options = std::make_shared<Options>();
  Command command =
      program.add_command("dead show",
                          {.summary = "show a record that no run of its program has accepted",
                           .examples = "weirctl dead show simplepipe parse 0.1.0\n"
                                       "weirctl dead show --data run1 parse 0.1.0 --raw > record"},
                          [&program, options] { return show(program, *options); });
  command.argument({.names = "NAME",
                    .help = "the pipeline (not with --data), the node that gave it up, and its id "
                            "as 'weirctl dead list' shows it",
                    .is_required = true},
                   options->names);
  command.option({.names = "--data",
                  .type = "DIR",
                  .help = "the data folder of a 'weirctl up' that has ended"},
                 options->data_dir);
  command.flag({.names = "--raw", .help = "write the bytes of the record, and nothing else"},
               options->raw);
  add_format_option(command, options->format);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
