#include "schema/runtime/signals.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <vector>

namespace weir::runtime {
namespace {

TEST(SignalWatch, ReportsBlockedSignalsAsEvents) {
  Loop loop;
  std::vector<int> heard;
  auto watch = SignalWatch::create(loop, {SIGTERM, SIGUSR1}, [&](int signal) {
    heard.push_back(signal);
    if (heard.size() == 2) loop.stop();
  });
  ASSERT_TRUE(watch) << watch.error().what;
  ::raise(SIGUSR1);
  ::raise(SIGTERM);
  loop.run();
  EXPECT_EQ(heard, (std::vector<int>{SIGUSR1, SIGTERM}));
}

TEST(SignalWatch, MayBeDestroyedByItsOwnCallback) {
  Loop loop;
  std::optional<SignalWatch> watch;
  auto created = SignalWatch::create(loop, {SIGUSR2}, [&](int) {
    watch.reset();
    loop.stop();
  });
  ASSERT_TRUE(created);
  watch.emplace(*std::move(created));
  ::raise(SIGUSR2);
  loop.run();
  EXPECT_FALSE(watch.has_value());
}

// Signals are ignored from the start under nohup and after traps of shells.
TEST(SignalWatch, WhatIsIgnoredStaysIgnored) {
  ignore_signal(SIGHUP);
  Loop loop;
  std::vector<int> heard;
  auto watch = SignalWatch::create(loop, {SIGHUP, SIGTERM}, [&](int signal) {
    heard.push_back(signal);
    loop.stop();
  });
  ASSERT_TRUE(watch) << watch.error().what;
  ::raise(SIGHUP);
  ::raise(SIGTERM);
  loop.run();
  EXPECT_EQ(heard, std::vector<int>{SIGTERM});
  ::signal(SIGHUP, SIG_DFL);
}

TEST(Signals, AClosedPipeIsAnError) {
  ignore_sigpipe();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::close(ends[1]);
}

}  // namespace
}  // namespace weir::runtime
