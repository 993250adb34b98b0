// Rule R11: a crash never looks like the end of input.
#include <sys/wait.h>

#include <csignal>
#include <fstream>

#include "guard_test_support.h"
#include "schema/runtime/process_tree.h"

namespace weir::action {
namespace {

constexpr RunId kRun{1};

// A command that leaves the file "done" when it believes its input, or the interest in its output,
// to have ended, with relatives of every kind that believe the same.
std::string believer(const TempDir& dir, const TreeToken& token) {
  return "cd " + dir.path() + "; exec 9>" + token.path() +
         "; exec 3<&0; "
         "setsid sh -c 'cat <&3 >tmp1; mv tmp1 done1' & "
         "(setsid sh -c 'cat <&3 >tmp2; mv tmp2 done2' &); "
         "(trap '' PIPE; while echo x 2>/dev/null; do :; done; : >done3) & "
         "(trap '' PIPE; while echo x >&2; do :; done; : >done4) & "
         // The quickest of all: nothing but the shell itself between the end and the deed.
         "(while read line <&3; do :; done; : >done5) & "
         "echo ready >&9; cat >tmp; mv tmp done";
}

void expect_nothing_done(const TempDir& dir) {
  for (const char* name : {"done", "done1", "done2", "done3", "done4", "done5"}) {
    EXPECT_FALSE(exists(dir / name)) << name;
  }
}

class GuardCrash : public ::testing::TestWithParam<bool> {
 protected:
  // The wrapper's part is played by another process, which can be killed.
  runtime::Child start_wrapper(const std::string& lock, const std::string& command,
                               UniqueFd* output) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    output->reset(ends[0]);
    const UniqueFd write_end(ends[1]);
    runtime::SpawnOptions options;
    options.program = GUARD_TEST_WRAPPER;
    options.argv = {"wrapper", GetParam() ? "cgroup" : "descent", lock, command};
    options.fds = {{write_end.get(), 1}};
    auto child = runtime::spawn(options);
    EXPECT_TRUE(child) << child.error().what;
    return *std::move(child);
  }

  // Reads what the played wrapper says: the pid of its guard.
  UniqueFd guard_of(const UniqueFd& output) {
    const pid_t pid = static_cast<pid_t>(std::stol("0" + read_line(output.get())));
    EXPECT_GT(pid, 0);
    auto pidfd = runtime::open_pidfd(pid);
    EXPECT_TRUE(pidfd);
    return pidfd ? *std::move(pidfd) : UniqueFd();
  }

  void kill(const runtime::Child& child) {
    ASSERT_TRUE(runtime::signal_pidfd(child.pidfd, SIGKILL));
    ASSERT_TRUE(runtime::reap_within(child, kLimit));
  }
};

INSTANTIATE_TEST_SUITE_P(Ways, GuardCrash, ::testing::Bool(), [](const auto& each) {
  return each.param ? std::string("Cgroup") : std::string("Descent");
});

TEST_P(GuardCrash, OfTheWrapperIsNotTheEndOfInput) {
  for (int round = 0; round < 10; ++round) {
    const TempDir dir;
    TreeToken token(dir);
    UniqueFd output;
    const runtime::Child wrapper = start_wrapper(dir / "lock", believer(dir, token), &output);
    const UniqueFd guard = guard_of(output);
    ASSERT_EQ(token.line(), "ready");
    kill(wrapper);
    EXPECT_EQ(token.rest(), "") << "the whole tree is gone";
    EXPECT_TRUE(wait_readable(guard.get())) << "and so is the guard";
    expect_nothing_done(dir);
    EXPECT_TRUE(runtime::FileLock::acquire_within(dir / "lock", kLimit));
  }
}

TEST_P(GuardCrash, OfTheGuardIsNotTheEndOfInput) {
  for (int round = 0; round < 10; ++round) {
    Rig rig(GetParam());
    TreeToken token(rig.dir);
    RunPipes pipes = rig.spawn(kRun, shell(believer(rig.dir, token)));
    ASSERT_EQ(token.line(), "ready");
    ASSERT_TRUE(rig.wait<GuardReady>());
    ::kill(rig.client->pid(), SIGKILL);
    const auto lost = rig.wait<GuardLost>();
    ASSERT_TRUE(lost);
    EXPECT_EQ(lost->reason, "the guard process ended (signal 9 (Killed))");
    EXPECT_EQ(lost->runs, std::vector<RunId>{kRun});
    EXPECT_TRUE(token.has_ended()) << "everything is dead before the loss is told";
    pipes.stdin_write.reset();
    EXPECT_EQ(token.rest(), "");
    expect_nothing_done(rig.dir);
    EXPECT_TRUE(runtime::FileLock::try_acquire(rig.dir / "lock"));
  }
}

TEST_P(GuardCrash, ANewGuardWaitsForTheOldOne) {
  const TempDir dir;
  TreeToken token(dir);
  UniqueFd output;
  const runtime::Child wrapper = start_wrapper(dir / "lock", believer(dir, token), &output);
  const UniqueFd old_guard = guard_of(output);
  ASSERT_EQ(token.line(), "ready");

  Rig rig;
  GuardConfig config;
  config.lock_path = dir / "lock";
  config.use_cgroup = GetParam();
  rig.start(config);
  RunPipes pipes = rig.spawn(kRun, shell("echo started"));
  ASSERT_TRUE(rig.wait<GuardWaiting>());
  EXPECT_FALSE(wait_readable(pipes.stdout_read.get(), std::chrono::milliseconds(50)));
  kill(wrapper);
  ASSERT_TRUE(rig.wait<GuardReady>());
  EXPECT_TRUE(token.has_ended()) << "the old tree is gone before the new guard is ready";
  EXPECT_EQ(read_line(pipes.stdout_read.get()), "started");
  expect_nothing_done(dir);
}

TEST_P(GuardCrash, AGuardThatWaitsGoesWithItsWrapper) {
  const TempDir dir;
  TreeToken token(dir);
  const auto lock = runtime::FileLock::try_acquire(dir / "lock");
  ASSERT_TRUE(lock);
  UniqueFd output;
  const runtime::Child wrapper = start_wrapper(dir / "lock", "touch " + (dir / "done"), &output);
  const UniqueFd guard = guard_of(output);
  kill(wrapper);
  EXPECT_TRUE(wait_readable(guard.get()));
  expect_nothing_done(dir);
}

TEST_P(GuardCrash, SignalsFromATerminalDoNotReachTheGuard) {
  Rig rig(GetParam());
  RunPipes pipes = rig.spawn(kRun, shell("cat"));
  ASSERT_TRUE(rig.wait_for<RunStarted>(kRun));
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP}) {
    ::kill(rig.client->pid(), signal);
  }
  ASSERT_EQ(::write(pipes.stdin_write.get(), "x\n", 2), 2);
  EXPECT_EQ(read_line(pipes.stdout_read.get()), "x");
  EXPECT_EQ(rig.finish(kRun, pipes), 0);
  EXPECT_NE(::getsid(rig.client->pid()), ::getsid(0));
}

TEST(GuardStart, SaysWhatIsMissing) {
  GuardConfig config;
  config.program = GUARD_PROGRAM;
  config.lock_path = "/no/such/folder/lock";
  const auto no_lock = GuardClient::start(config);
  ASSERT_FALSE(no_lock);
  EXPECT_EQ(no_lock.error().what, "open lock file /no/such/folder/lock: No such file or directory");
  const TempDir dir;
  config.lock_path = dir / "lock";
  config.program = "/no/such/weir-guard";
  const auto no_program = GuardClient::start(config);
  ASSERT_FALSE(no_program);
  EXPECT_EQ(no_program.error().what, "start /no/such/weir-guard: No such file or directory");
}

}  // namespace
}  // namespace weir::action
