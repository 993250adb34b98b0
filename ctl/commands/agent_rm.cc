#include "ctl/commands/agent_rm.h"

#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"

namespace weir::ctl {
namespace {

int remove(Program& program, Session& session, const std::string& name) {
  const auto done = session.ask<wire::Ok>(wire::AgentRemove{name});
  if (!done) return session.fail(done.error());
  program.streams().out << "agent '" << name << "' is forgotten\n";
  return kDone;
}

}  // namespace

void add_agent_rm(Program& program) {
  auto name = std::make_shared<std::string>();
  Command command = program.add_command(
      "agent rm",
      {.summary = "forget an agent that is gone for good", .examples = "weirctl agent rm alpha"},
      [&program, name] {
        return with_broker(program,
                           [&](Session& session) { return remove(program, session, *name); });
      });
  command.argument({.names = "NAME", .help = "the agent", .is_required = true}, *name);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
