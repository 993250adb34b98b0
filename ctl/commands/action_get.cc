#include "ctl/commands/action_get.h"

#include <memory>
#include <optional>
#include <ostream>

#include "ctl/actions/program_file.h"
#include "ctl/actions/upload.h"
#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"
#include "ctl/client/signals_held.h"
#include "ctl/output/progress.h"
#include "ctl/output/units.h"

namespace weir::ctl {
namespace {

struct Options {
  std::string name;
  uint32_t version = 0;
  std::string output;
};

class Fetch {
 public:
  Fetch(Program& program, Session& session, wire::ActionRef action)
      : program_(program),
        session_(session),
        action_(std::move(action)),
        progress_(program.streams().err, action_.name, program.system().err_is_terminal,
                  session.broker().now()) {}

  int to_stdout() {
    std::ostream& out = program_.streams().out;
    return end(fetch([&](std::string_view bytes) -> Status {
      out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      if (!out.flush()) return Error{ErrorCode::kIo, "could not write to standard output"};
      return {};
    }));
  }

  int to_file(const std::string& path) {
    const SignalsHeld held;
    Result<ProgramFile> file = ProgramFile::create(path);
    if (!file) return program_.fail(file.error());
    Status done = fetch([&](std::string_view bytes) { return file->write(bytes); });
    if (done) done = file->commit();
    if (!done) return end(done);
    program_.streams().out << path << ": action '" << action_.name << "', version "
                           << action_.version << ", " << readable_bytes(action_.bytes) << "\n";
    return kDone;
  }

 private:
  Status fetch(const std::function<Status(std::string_view)>& write) {
    Status done =
        fetch_action(session_.broker(), action_, write, [this](uint64_t bytes, uint64_t total) {
          progress_.show(bytes, total, session_.broker().now());
        });
    progress_.clear();
    return done;
  }

  int end(const Status& done) { return done ? int{kDone} : session_.fail(done.error()); }

  Program& program_;
  Session& session_;
  wire::ActionRef action_;
  Progress progress_;
};

int get(Program& program, Session& session, const Options& options) {
  auto found = session.ask<wire::ActionStored>(wire::ActionFind{options.name, options.version});
  if (!found) return session.fail(found.error());
  Fetch fetch(program, session, std::move(found->action));
  return options.output.empty() ? fetch.to_stdout() : fetch.to_file(options.output);
}

}  // namespace

void add_action_get(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command(
      "action get",
      {.summary = "fetch the program that an action stands for",
       .examples = "weirctl action get num_gen -O ./num_gen\n"
                   "weirctl action get clean --version 2 | less"},
      [&program, options] {
        if (options->output.empty() && program.system().out_is_terminal) {
          return program.fail_usage("a program is not written to a terminal",
                                    "name a file with -O FILE, or write to a pipe");
        }
        return with_broker(program,
                           [&](Session& session) { return get(program, session, *options); });
      });
  command.argument({.names = "NAME", .help = "the action", .is_required = true}, options->name);
  command.option(
      {.names = "--version", .type = "N", .help = "this version, not the newest", .min = 1},
      options->version);
  command.option({.names = "-O,--output",
                  .type = "FILE",
                  .help = "write this file (mode 0755), when all of it has come and is right"},
                 options->output);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
