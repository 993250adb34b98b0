#include "ctl/cli/session.h"

#include <ostream>

#include "ctl/base/exit_code.h"
#include "schema/config/local_sockets.h"

namespace weir::ctl {

Status Session::open() {
  const System& world = program_.system();
  Result<BrokerChoice> choice =
      choose_broker({program_.broker_option(), world.environment("WEIR_BROKER"), world.config_files,
                     config::default_broker(&config::LocalSockets::control,
                                            world.environment("XDG_RUNTIME_DIR"), world.exists)});
  if (!choice) return std::move(choice).error();
  choice_ = *std::move(choice);
  Result<std::unique_ptr<Broker>> broker = world.connect(choice_.endpoint);
  if (!broker) return std::move(broker).error();
  broker_ = *std::move(broker);
  return {};
}

int Session::fail(const Error& error) {
  if (!broker_) {
    program_.fail(error);
    return error.code == ErrorCode::kInvalid ? kUsage : kFailed;
  }
  if (broker_->signal() != 0) return 128 + broker_->signal();
  if (error.code == ErrorCode::kUnavailable) {
    if (!broker_->reached()) return fail_not_reached(error.what);
    program_.fail(error);
    return kFailed;  // The broker says that somebody else is away.
  }
  return program_.fail(error);
}

int Session::fail_not_reached(const std::string& why) {
  std::ostream& err = program_.streams().err;
  err << "weirctl: no broker answers at " << choice_.endpoint
      << (choice_.from.empty() ? "" : " (from " + choice_.from + ")") << ": " << why << "\n"
      << "hint: start one with 'weir-broker --data DIR', or name another with --broker ENDPOINT or "
         "WEIR_BROKER\n";
  return kBrokerNotReached;
}

}  // namespace weir::ctl
