// fork and exec of one program, with the reason when it cannot be.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <string>

#include "wrapper/action/guard_protocol.h"

namespace weir::action {

// Whatever comes from a terminal or from a careless kill must not make programs see an early end:
// weir-guard ignores these and no others, and its programs none.
inline constexpr int kIgnoredSignals[] = {SIGTERM, SIGINT,  SIGHUP,  SIGQUIT, SIGPIPE, SIGUSR1,
                                          SIGUSR2, SIGALRM, SIGTTIN, SIGTTOU, SIGTSTP};

struct ProgramFds {
  int in = -1;
  int out = -1;
  int err = -1;
};

struct StartOutcome {
  pid_t pid = 0;        // 0: not started.
  int errno_value = 0;  // Why not.
  std::string text;     // In words.
};

// Starts the program of `order` as the leader of a session of its own, with the three descriptors
// and no others, an empty signal mask, kIgnoredSignals at their default, in the cgroup `cgroup_fd`
// (-1: ours). It gets SIGKILL from the kernel should the guard die first. Returns once the program
// runs or could not be started; a program that is still open for writing is tried again for
// kBusyRetries times kBusyDelay. `extra` is one more NAME=VALUE.
//
// Only for a process that ignores no other signals and has one thread, because the child of a fork
// goes on in our memory image.
StartOutcome start_program(const SpawnOrder& order, bool clean_environment,
                           const std::string& extra, const ProgramFds& fds, int cgroup_fd);

}  // namespace weir::action
