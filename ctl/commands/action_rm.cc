#include "ctl/commands/action_rm.h"

#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"

namespace weir::ctl {
namespace {

struct Options {
  std::string name;
  uint32_t version = 0;
};

int remove(Program& program, Session& session, const Options& options) {
  const auto done = session.ask<wire::Ok>(wire::ActionRemove{options.name, options.version});
  if (!done) return session.fail(done.error());
  const std::string which =
      options.version == 0 ? "" : ", version " + std::to_string(options.version) + ",";
  program.streams().out << "action '" << options.name << "'" << which << " is removed\n";
  return kDone;
}

}  // namespace

void add_action_rm(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command(
      "action rm",
      {.summary = "remove an action, or one of its versions, that no pipeline uses",
       .examples = "weirctl action rm num_gen --version 1\n"
                   "weirctl action rm num_gen"},
      [&program, options] {
        return with_broker(program,
                           [&](Session& session) { return remove(program, session, *options); });
      });
  command.argument({.names = "NAME", .help = "the action", .is_required = true}, options->name);
  command.option(
      {.names = "--version", .type = "N", .help = "only this version, not all of them", .min = 1},
      options->version);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
