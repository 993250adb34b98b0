#include "ctl/commands/dead_drop.h"

#include <memory>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"
#include "ctl/dead/change.h"

namespace weir::ctl {
namespace {

int drop(Program& program, Session& session, const LettersNamed& named) {
  const auto all = letters_named(session.broker(), named);
  if (!all) return session.fail(all.error());
  uint64_t dropped = 0;
  for (const Letters& letters : *all) {
    const auto done = session.ask<wire::DeadChanged>(
        wire::DeadChange{letters.instance, wire::DeadAction::kDrop, letters.ids});
    if (!done && named.all && done.error().code == ErrorCode::kNotFound) continue;
    if (!done) return session.fail(Error(done.error()).in(letters.label));
    dropped += done->letters;
  }
  program.streams().out << letters_text(dropped) << " dropped\n";
  return kDone;
}

}  // namespace

void add_dead_drop(Program& program) {
  auto named = std::make_shared<LettersNamed>();
  Command command = program.add_command(
      "dead drop",
      {.summary = "delete records that no run of their program has accepted",
       .examples = "weirctl dead drop simplepipe parse 0.1.0\n"
                   "weirctl dead drop simplepipe --all"},
      [&program, named] {
        if (const std::string what = trouble_with(*named); !what.empty()) {
          return program.fail_usage(what);
        }
        return with_broker(program,
                           [&](Session& session) { return drop(program, session, *named); });
      });
  add_letter_arguments(command, *named, "all that the node has, or all of the pipeline");
  program.add_broker_option(command);
}

}  // namespace weir::ctl
