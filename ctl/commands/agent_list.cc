#include "ctl/commands/agent_list.h"

#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"
#include "ctl/output/format.h"
#include "ctl/output/status_json.h"
#include "ctl/output/status_text.h"

namespace weir::ctl {
namespace {

int list(Program& program, Session& session, const std::string& format) {
  const auto status = session.ask<wire::BrokerStatus>(wire::BrokerStatusRequest{});
  if (!status) return session.fail(status.error());
  program.streams().out << (is_json(format) ? to_text(to_json(status->agents))
                                            : agents_table(status->agents));
  return kDone;
}

}  // namespace

void add_agent_list(Program& program) {
  auto format = std::make_shared<std::string>();
  Command command = program.add_command(
      "agent list",
      {.summary = "list the agents that the broker has heard of since it started",
       .examples = "weirctl agent list\n"
                   "weirctl agent list -o json"},
      [&program, format] {
        return with_broker(program,
                           [&](Session& session) { return list(program, session, *format); });
      });
  add_format_option(command, *format);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
