#include "ctl/commands/dead_show.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "ctl/dead/inspection.h"
#include "ctl/dead/letter_text.h"
#include "ctl/exit_code.h"
#include "ctl/output/format.h"
#include "ctl/up/actions.h"
#include "ctl/up/run_folder.h"
#include "schema/graph/diagnostic.h"

namespace weir::ctl {
namespace {

struct Options {
  std::string data_dir;
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
  return Error{ErrorCode::kNotFound, options.node + " has no dead letter '" +
                                         graph::printable(options.id) +
                                         "'\nhint: to see which it has: weirctl dead list --data " +
                                         shell_quoted(options.data_dir) + " " + options.node};
}

int show(Program& program, const Options& options) {
  const bool whole = options.raw || is_json(options.format);
  if (options.raw && is_json(options.format)) {
    return program.fail_usage("--raw writes the record as it is, not as JSON: leave out one");
  }
  const Result<RunFolder> folder = RunFolder::open(options.data_dir);
  if (!folder) return program.fail(folder.error());
  const Result<std::vector<std::string>> nodes = folder->nodes_named({options.node});
  if (!nodes) return program.fail(nodes.error());
  const Result<std::vector<InstanceLog>> logs = folder->record_logs(*nodes);
  if (!logs) return program.fail(logs.error());
  std::optional<Error> failure;
  for (const InstanceLog& log : *logs) {
    DeadLetterQuery query{log.dir, options.id};
    if (!whole) query.record_bytes_max = kRecordBytesOnPage;
    bool found = false;
    const Status read = read_dead_letters(query, [&](const auto& letter, auto record) {
      print(program.streams().out, options, letter, record);
      found = true;
      return false;
    });
    if (found) return kDone;
    if (!read) failure = read.error();
  }
  return program.fail(failure ? std::move(*failure).in(options.node) : no_such_letter(options));
}

}  // namespace

void add_dead_show(Program& program) {
  auto options = std::make_shared<Options>();
  Command command =
      program.add_command("dead show",
                          {.summary = "show a record that no run of its program has accepted",
                           .examples = "weirctl dead show --data run1 parse 0.1.0\n"
                                       "weirctl dead show --data run1 parse 0.1.0 --raw > record"},
                          [&program, options] { return show(program, *options); });
  command.argument({.names = "NODE", .help = "the node that gave it up", .is_required = true},
                   options->node);
  command.argument(
      {.names = "ID", .help = "its id, as 'weirctl dead list' shows it", .is_required = true},
      options->id);
  command.option({.names = "--data",
                  .type = "DIR",
                  .help = "the data folder of a 'weirctl up' that has ended",
                  .is_required = true},
                 options->data_dir);
  command.flag({.names = "--raw", .help = "write the bytes of the record, and nothing else"},
               options->raw);
  add_format_option(command, options->format);
}

}  // namespace weir::ctl
