#include "schema/runtime/daemon.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "schema/runtime/standard_fds.h"

namespace weir::runtime {
namespace {

// The exit status of `body` in a process of its own. Nothing of gtest is used in there.
template <typename Body>
int in_child(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(StandardFds, NothingElseGetsTheNumberOfAClosedOne) {
  EXPECT_EQ(in_child([] {
              ::close(0);
              ::close(1);
              ::close(2);
              const StandardFds& fds = reserve_standard_fds();
              // What is opened next would have been standard input.
              const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
              return !fds.in && !fds.out && !fds.err && fd > 2 && !is_writable(1) ? 0 : 1;
            }),
            0);
  EXPECT_EQ(in_child([] {
              const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
              reserve_standard_fds();
              return ::open("/dev/null", O_RDONLY | O_CLOEXEC) == next + 1 ? 0 : 1;
            }),
            0)
      << "nothing is left open where all are there";
}

// 0: the signal stopped the loop; 1: it did not.
int stops(int signal, bool supervised, bool ignored_before) {
  return in_child([&] {
    std::signal(signal, ignored_before ? SIG_IGN : SIG_DFL);
    Loop loop;
    bool stopped = false;
    const auto watch = watch_for_stop(loop, supervised, [&] { stopped = true; });
    if (!watch || std::raise(signal) != 0) return 2;
    for (int i = 0; i < 3 && !stopped; ++i) loop.run_once(std::chrono::milliseconds(20));
    return stopped ? 0 : 1;
  });
}

TEST(Daemon, CtrlCInATerminalIsAsTermAndLeftToWhoeverSupervises) {
  EXPECT_EQ(stops(SIGTERM, false, false), 0);
  EXPECT_EQ(stops(SIGINT, false, false), 0);
  EXPECT_EQ(stops(SIGTERM, true, false), 0);
  EXPECT_EQ(stops(SIGINT, true, false), 1);
}

TEST(Daemon, WhatWasIgnoredAtTheStartStaysIgnored) {
  EXPECT_EQ(stops(SIGTERM, false, true), 1);
  EXPECT_EQ(stops(SIGINT, false, true), 1);
}

TEST(Daemon, AConflictHasAnExitStatusOfItsOwn) {
  EXPECT_EQ(exit_status_of(ErrorCode::kConflict), 6);
  EXPECT_EQ(exit_status_of(ErrorCode::kInvalid), 2);
  EXPECT_EQ(exit_status_of(ErrorCode::kIo), 1);
}

}  // namespace
}  // namespace weir::runtime
