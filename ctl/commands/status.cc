#include "ctl/commands/status.h"

#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"
#include "ctl/output/format.h"
#include "ctl/output/status_json.h"
#include "ctl/output/status_text.h"

namespace weir::ctl {
namespace {

int show(Program& program, Session& session, const std::string& format) {
  const auto status = session.ask<wire::BrokerStatus>(wire::BrokerStatusRequest{});
  if (!status) return session.fail(status.error());
  if (is_json(format)) {
    program.streams().out << to_text({{"broker", session.endpoint()},
                                      {"agents", to_json(status->agents)},
                                      {"pipelines", to_json(status->pipelines)}});
  } else {
    program.streams().out << cluster_text(session.endpoint(), *status);
  }
  return kDone;
}

}  // namespace

void add_status(Program& program) {
  auto format = std::make_shared<std::string>();
  Command command = program.add_command(
      "status",
      {.summary = "show the whole cluster: broker, agents, pipelines",
       .examples = "weirctl status\n"
                   "weirctl status -o json --broker tcp://10.0.0.1:7700"},
      [&program, format] {
        return with_broker(program,
                           [&](Session& session) { return show(program, session, *format); });
      });
  add_format_option(command, *format);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
