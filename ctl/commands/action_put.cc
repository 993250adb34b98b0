#include "ctl/commands/action_put.h"

#include <memory>
#include <ostream>

#include "ctl/actions/shown_upload.h"
#include "ctl/base/exit_code.h"
#include "ctl/output/format.h"
#include "ctl/output/status_json.h"
#include "schema/graph/names.h"

namespace weir::ctl {
namespace {

struct Options {
  std::string name;
  std::string file;
  std::string format;
};

int put(Program& program, const Options& options) {
  if (!graph::is_node_name(options.name)) {
    return program.fail_usage("'" + options.name + "' is not the name of an action",
                              "it begins with a letter or _ and goes on with letters, digits, _ "
                              "and -; at most 63");
  }
  const Result<ActionFile> file = ActionFile::open(options.file);
  if (!file) return program.fail(file.error());
  return with_broker(program, [&](Session& session) {
    const auto uploaded = upload_with_progress(program, session, options.name, *file);
    if (!uploaded) return session.fail(uploaded.error());
    program.streams().out << (is_json(options.format) ? to_text(to_json(uploaded->action))
                                                      : describe(*uploaded));
    return int{kDone};
  });
}

}  // namespace

void add_action_put(Program& program) {
  auto options = std::make_shared<Options>();
  Command command =
      program.add_command("action put",
                          {.summary = "upload a program as the next version of an action",
                           .examples = "weirctl action put num_gen ./num_gen\n"
                                       "weirctl action put clean clean.sh -o json"},
                          [&program, options] { return put(program, *options); });
  command.argument({.names = "NAME", .help = "what pipelines call it", .is_required = true},
                   options->name);
  command.argument(
      {.names = "FILE", .help = "a program or a script, at most 1 GiB", .is_required = true},
      options->file);
  add_format_option(command, options->format);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
