#include "ctl/actions/shown_upload.h"

#include "ctl/output/progress.h"
#include "ctl/output/units.h"

namespace weir::ctl {

Result<Uploaded> upload_with_progress(Program& program, Session& session, const std::string& name,
                                      const ActionFile& file) {
  if (!file.looks_like_a_program()) {
    program.note(file.path() +
                 " is neither an ELF program nor a script that begins with #!, so it may not run");
  }
  Broker& broker = session.broker();
  Progress progress(program.streams().err, name, program.system().err_is_terminal, broker.now());
  return upload_action(broker, name, file, [&](uint64_t done, uint64_t total) {
    progress.show(done, total, broker.now());
  });
}

std::string describe(const Uploaded& uploaded) {
  const wire::ActionRef& action = uploaded.action;
  return "action '" + action.name + "': version " + std::to_string(action.version) +
         (uploaded.is_new ? "" : ", as before") + ", " + readable_bytes(action.bytes) +
         ", sha256 " + action.sha256 + "\n";
}

}  // namespace weir::ctl
