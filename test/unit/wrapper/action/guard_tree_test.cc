// Whole trees: signals, leftovers, several runs at a time; by descent and by cgroup.
#include <sys/wait.h>

#include <csignal>

#include "guard_test_support.h"
#include "schema/runtime/process_tree.h"
#include "wrapper/action/run_tree.h"

namespace weir::action {
namespace {

constexpr RunId kRun{1};

class GuardTree : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    std::string why;
    if (GetParam() && !make_cgroup_tree(&why)) GTEST_SKIP() << "no cgroup to work in: " << why;
    rig_.emplace(GetParam());
    token_.emplace(rig_->dir);
    const auto ready = rig_->wait<GuardReady>();
    ASSERT_TRUE(ready);
    cgroup_ = ready->cgroup;
    EXPECT_EQ(!cgroup_.empty(), GetParam());
  }

  RunPipes spawn(RunId run, const std::string& command) {
    RunRequest request = shell(command);
    request.environment = {"TOKEN=" + token_->path()};
    return rig_->spawn(run, request);
  }

  std::optional<Rig> rig_;
  std::optional<TreeToken> token_;
  std::string cgroup_;
};

INSTANTIATE_TEST_SUITE_P(Ways, GuardTree, ::testing::Bool(), [](const auto& each) {
  return each.param ? std::string("Cgroup") : std::string("Descent");
});

TEST_P(GuardTree, DaemonsAreRemovedAtTheEndOfTheRun) {
  // One in the background, one in a session of its own, one that is orphaned twice over.
  RunPipes pipes = spawn(kRun,
                         "exec 9>$TOKEN; sleep 1000 & setsid sleep 1000 & "
                         "(setsid sh -c 'sleep 1000 & sleep 1000' &) ; echo ready >&9");
  EXPECT_EQ(token_->line(), "ready");
  ASSERT_TRUE(rig_->wait_for<RunExited>(kRun));
  EXPECT_FALSE(token_->has_ended()) << "they outlive their main program";
  rig_->client->end_run(kRun);
  EXPECT_TRUE(rig_->wait_for<RunTreeGone>(kRun));
  EXPECT_EQ(token_->rest(), "");
  EXPECT_TRUE(runtime::children_of(rig_->client->pid()).empty());
}

TEST_P(GuardTree, RunsAfterOneThatWasKilledAreNotKilledToo) {
  for (std::uint64_t i = 1; i <= 3; ++i) {
    const RunPipes killed = spawn(RunId{2 * i}, "sleep 1000");
    rig_->client->kill(RunId{2 * i}, SIGKILL);
    ASSERT_TRUE(rig_->wait_for<RunTreeGone>(RunId{2 * i}));
    const RunPipes next = spawn(RunId{2 * i + 1}, "echo alive");
    EXPECT_EQ(read_line(next.stdout_read.get()), "alive");
    ASSERT_TRUE(rig_->wait_for<RunTreeGone>(RunId{2 * i + 1}));
  }
}

TEST_P(GuardTree, LeftoversThatEndByThemselvesAreToldToo) {
  // It reads the run's own stdin, which is open until close_stdin.
  RunPipes pipes = spawn(kRun, "exec 3<&0; (setsid sh -c 'exec cat <&3' 3<&3 &) ; exit 0");
  ASSERT_TRUE(rig_->wait_for<RunExited>(kRun));
  pipes.stdin_write.reset();
  rig_->client->close_stdin(kRun);
  EXPECT_TRUE(rig_->wait_for<RunTreeGone>(kRun)) << "no end_run was asked for";
}

TEST_P(GuardTree, ASignalReachesTheWholeTree) {
  RunPipes pipes = spawn(kRun,
                         "exec 9>$TOKEN; trap 'echo main >&9; wait; exit 7' TERM; "
                         "setsid sh -c 'trap \"echo deep >&9; exit\" TERM; echo up >&9; "
                         "while :; do sleep 0.01; done' & "
                         "while :; do sleep 0.01; done");
  EXPECT_EQ(token_->line(), "up");
  rig_->client->kill(kRun, SIGTERM);
  std::string lines = token_->line();
  lines += " " + token_->line();
  EXPECT_TRUE(lines == "main deep" || lines == "deep main") << lines;
  EXPECT_EQ(WEXITSTATUS(rig_->finish(kRun, pipes)), 7);
}

TEST_P(GuardTree, WhoeverIgnoresTermIsKilled) {
  RunPipes pipes = spawn(kRun, "exec 9>$TOKEN; trap '' TERM; echo ready >&9; cat; cat; cat");
  EXPECT_EQ(token_->line(), "ready");
  rig_->client->kill(kRun, SIGTERM);
  ASSERT_EQ(::write(pipes.stdin_write.get(), "still here\n", 11), 11);
  EXPECT_EQ(read_line(pipes.stdout_read.get()), "still here");
  rig_->client->kill(kRun, SIGKILL);
  const auto exited = rig_->wait_for<RunExited>(kRun);
  ASSERT_TRUE(exited);
  EXPECT_EQ(WTERMSIG(exited->wait_status), SIGKILL);
  EXPECT_TRUE(rig_->wait_for<RunTreeGone>(kRun));
  EXPECT_EQ(token_->rest(), "");
}

TEST_P(GuardTree, StoppedProcessesAreKilledAsWell) {
  RunPipes pipes = spawn(kRun, "exec 9>$TOKEN; echo ready >&9; kill -STOP $$");
  EXPECT_EQ(token_->line(), "ready");
  rig_->client->end_run(kRun);
  EXPECT_TRUE(rig_->wait_for<RunTreeGone>(kRun));
}

// Processes that start new ones in new sessions all the time.
TEST_P(GuardTree, AForkBombIsBroughtDown) {
  RunPipes pipes = spawn(kRun,
                         "exec 9>$TOKEN; echo ready >&9; ulimit -u 400 2>/dev/null; "
                         "f() { while :; do setsid sh -c 'sleep 0.1' & sleep 0.002; done; }; "
                         "f & f & f & f & f");
  EXPECT_EQ(token_->line(), "ready");
  rig_->client->kill(kRun, SIGKILL);
  EXPECT_TRUE(rig_->wait_for<RunTreeGone>(kRun));
  EXPECT_EQ(token_->rest(), "");
  EXPECT_TRUE(runtime::children_of(rig_->client->pid()).empty());
}

TEST_P(GuardTree, RunsBesideOneAnotherAreKeptApart) {
  RunPipes first = spawn(kRun, "exec 9>$TOKEN; (setsid sleep 1000 &); echo first >&9; cat");
  EXPECT_EQ(token_->line(), "first");
  // The second has an orphan in a session of its own: only its marker tells whose it is.
  RunPipes second = rig_->spawn(RunId{2}, shell("(setsid sh -c 'read line; echo $line' <&3 &) "
                                                "3<&0; exit 0"));
  ASSERT_TRUE(rig_->wait_for<RunExited>(RunId{2}));
  rig_->client->kill(kRun, SIGKILL);
  EXPECT_TRUE(rig_->wait_for<RunTreeGone>(kRun));
  EXPECT_EQ(token_->rest(), "");
  ASSERT_EQ(::write(second.stdin_write.get(), "alive\n", 6), 6);
  EXPECT_EQ(read_all(second.stdout_read.get()), "alive\n");
  EXPECT_TRUE(rig_->wait_for<RunTreeGone>(RunId{2}));
}

TEST_P(GuardTree, StopKillsEverythingAndTellsTheOpenRuns) {
  RunPipes pipes = spawn(kRun, "exec 9>$TOKEN; (setsid sleep 1000 &); echo ready >&9; cat");
  EXPECT_EQ(token_->line(), "ready");
  rig_->client->stop();
  const auto stopped = rig_->wait<GuardStopped>();
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->runs, std::vector<RunId>{kRun});
  EXPECT_EQ(token_->rest(), "");
  EXPECT_EQ(rig_->client->spawn(RunId{2}, shell("true")).error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(!cgroup_.empty() && exists(cgroup_)) << "no cgroup is left behind";
}

}  // namespace
}  // namespace weir::action
