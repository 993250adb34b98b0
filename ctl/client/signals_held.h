// SIGINT, SIGTERM and SIGHUP wait for as long as one of these lives; whoever waits for the broker
// reads them. Outside of it they end the process as usual, so that a command that hangs in a write
// can be ended. May be nested. Thread: the only one that takes signals.
#pragma once

#include <csignal>

#include "schema/runtime/signals.h"

namespace weir::ctl {

class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      if (!runtime::is_ignored(signal)) sigaddset(&set, signal);
    }
    ::pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;
  ~SignalsHeld() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace weir::ctl
