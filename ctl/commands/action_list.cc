#include "ctl/commands/action_list.h"

#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"
#include "ctl/output/format.h"
#include "ctl/output/status_json.h"
#include "ctl/output/status_text.h"
#include "schema/graph/suggest.h"

namespace weir::ctl {
namespace {

struct Options {
  std::string name;
  std::string format;
};

Error no_such_action(const std::string& name, const std::vector<wire::ActionVersion>& versions) {
  std::vector<std::string> names;
  names.reserve(versions.size());
  for (const wire::ActionVersion& version : versions) names.push_back(version.action.name);
  const std::string hint = graph::did_you_mean(name, names);
  return Error{ErrorCode::kNotFound,
               "no action is named \"" + name + "\"" + (hint.empty() ? "" : "; " + hint)};
}

int list(Program& program, Session& session, const Options& options) {
  auto answer = session.ask<wire::ActionListIs>(wire::ActionList{});
  if (!answer) return session.fail(answer.error());
  std::vector<wire::ActionVersion> versions = std::move(answer->versions);
  if (!options.name.empty()) {
    const Error none = no_such_action(options.name, versions);
    std::erase_if(versions, [&](const auto& v) { return v.action.name != options.name; });
    if (versions.empty()) return session.fail(none);
  }
  program.streams().out << (is_json(options.format) ? to_text(to_json(versions))
                                                    : actions_table(versions));
  return kDone;
}

}  // namespace

void add_action_list(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command("action list",
                                        {.summary = "list uploaded actions, newest version first",
                                         .examples = "weirctl action list\n"
                                                     "weirctl action list num_gen -o json"},
                                        [&program, options] {
                                          return with_broker(program, [&](Session& session) {
                                            return list(program, session, *options);
                                          });
                                        });
  command.argument({.names = "NAME", .help = "only the versions of this one"}, options->name);
  add_format_option(command, options->format);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
