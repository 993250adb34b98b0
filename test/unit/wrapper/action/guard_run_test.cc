// Single runs: what a program gets, how its end is told, why it cannot start.
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <string>

#include "guard_test_support.h"
#include "schema/runtime/process_tree.h"
#include "wrapper/action/oom_kills.h"

namespace weir::action {
namespace {

constexpr RunId kRun{1};

void write_file(const std::string& path, const std::string& text, unsigned mode) {
  std::ofstream(path) << text;
  ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

std::string text_of_failure(Rig& rig, RunId run, const RunRequest& request, int errno_value) {
  const RunPipes pipes = rig.spawn(run, request);
  const auto failed = rig.wait_for<RunStartFailed>(run);
  if (!failed) return "(no failure)";
  EXPECT_EQ(failed->errno_value, errno_value);
  EXPECT_EQ(read_all(pipes.stdout_read.get()), "") << "nobody holds the other end";
  return failed->text;
}

std::string text_of_failure(Rig& rig, RunId run, const std::string& program, int errno_value) {
  RunRequest request;
  request.argv = {program};
  return text_of_failure(rig, run, request, errno_value);
}

std::string output_of(Rig& rig, const RunRequest& request) {
  RunPipes pipes = rig.spawn(kRun, request);
  std::string text = read_all(pipes.stdout_read.get());
  rig.finish(kRun, pipes);
  return text;
}

TEST(GuardRun, PassesBytesThroughAndTellsTheExitStatus) {
  Rig rig;
  RunPipes pipes = rig.spawn(kRun, shell("tr a-z A-Z; echo done >&2; exit 5"));
  ASSERT_TRUE(rig.wait<GuardReady>());
  const auto started = rig.wait_for<RunStarted>(kRun);
  ASSERT_TRUE(started);
  EXPECT_GT(started->pid, 0);
  ASSERT_EQ(::write(pipes.stdin_write.get(), "abc\n", 4), 4);
  pipes.stdin_write.reset();
  rig.client->close_stdin(kRun);
  EXPECT_EQ(read_all(pipes.stdout_read.get()), "ABC\n");
  EXPECT_EQ(read_all(pipes.stderr_read.get()), "done\n");
  const auto exited = rig.wait_for<RunExited>(kRun);
  ASSERT_TRUE(exited);
  EXPECT_EQ(runtime::describe_wait_status(exited->wait_status), "exit status 5");
  EXPECT_TRUE(rig.wait_for<RunTreeGone>(kRun)) << "without end_run, because nothing is left";
}

const std::string kOomScoreAdj = "/proc/self/oom_score_adj";

int oom_score_adj_of_program() {
  Rig rig;
  return std::stoi(output_of(rig, shell("cat " + kOomScoreAdj)));
}

TEST(GuardRun, WhenMemoryIsShortTheKernelIsToKillTheProgramFirst) {
  int own = 0;
  std::ifstream(kOomScoreAdj) >> own;
  EXPECT_EQ(oom_score_adj_of_program(), std::clamp(own + 200, 0, 1000));
}

TEST(GuardRun, WhatIsSparedWhenMemoryIsShortIsNotTheProgram) {
  int own = 0;
  std::ifstream(kOomScoreAdj) >> own;
  if (!(std::ofstream(kOomScoreAdj) << -500 << std::flush)) {
    GTEST_SKIP() << kOomScoreAdj << " may not be lowered here: that needs CAP_SYS_RESOURCE";
  }
  EXPECT_EQ(oom_score_adj_of_program(), 0);
  std::ofstream(kOomScoreAdj) << own;
}

// The kernel's count is a file that the test writes.
TEST(GuardRun, TellsThatItWasForLackOfMemory) {
  const auto run = [](const std::string& count_after) {
    Rig rig;
    GuardConfig config;
    config.lock_path = rig.dir / "lock";
    config.use_cgroup = false;
    config.oom_file = rig.dir / "memory.events";
    std::ofstream(config.oom_file) << "oom 5\noom_kill 3\n" << std::flush;
    rig.start(config);
    const RunPipes pipes = rig.spawn(kRun, shell("printf 'oom 6\\noom_kill " + count_after +
                                                 "\\n' > " + config.oom_file + "; kill -KILL $$"));
    const auto exited = rig.wait_for<RunExited>(kRun);
    EXPECT_TRUE(exited && WTERMSIG(exited->wait_status) == SIGKILL);
    return exited && exited->out_of_memory;
  };
  EXPECT_TRUE(run("4"));
  EXPECT_FALSE(run("3")) << "somebody else killed it";
}

TEST(GuardRun, TellsThatTheKernelKilledItForLackOfMemory) {
  // tail keeps all of what has no end of line.
  const std::string cgroup = "/sys/fs/cgroup/memory/weir-test-" + std::to_string(::getpid());
  if (::mkdir(cgroup.c_str(), 0755) != 0 ||
      !(std::ofstream(cgroup + "/memory.limit_in_bytes") << "16M" << std::flush)) {
    ::rmdir(cgroup.c_str());
    GTEST_SKIP() << "no cgroup of version 1 for memory can be made here: " << cgroup;
  }
  {
    Rig rig;
    const RunPipes pipes =
        rig.spawn(kRun, shell("echo $$ > " + cgroup + "/cgroup.procs && exec tail /dev/zero"));
    const auto exited = rig.wait_for<RunExited>(kRun);
    ASSERT_TRUE(exited);
    EXPECT_EQ(runtime::describe_wait_status(exited->wait_status), "signal 9 (Killed)");
    EXPECT_TRUE(exited->out_of_memory);
  }
  EXPECT_EQ(::rmdir(cgroup.c_str()), 0);
}

TEST(OomKills, AreReadWhereTheKernelCountsThem) {
  TempDir dir;
  EXPECT_EQ(OomKills(dir / "none").now(), 0u);
  std::ofstream(dir / "memory.events")
      << "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n"
      << std::flush;
  OomKills kills(dir / "memory.events");
  EXPECT_EQ(kills.now(), 5u);
  EXPECT_EQ(kills.lately(), 5u);
  // What this kernel has; an empty name finds it, or the cgroup's.
  std::ifstream vmstat("/proc/vmstat");
  const std::string all(std::istreambuf_iterator<char>(vmstat), {});
  EXPECT_NE(all.find("\noom_kill "), std::string::npos);
}

TEST(GuardRun, TellsASignal) {
  Rig rig;
  RunPipes pipes = rig.spawn(kRun, shell("kill -SEGV $$"));
  EXPECT_EQ(WTERMSIG(rig.finish(kRun, pipes)), SIGSEGV);
}

TEST(GuardRun, InputIsOpenUntilTheGuardLetsGoToo) {
  Rig rig;
  RunPipes pipes = rig.spawn(kRun, shell("cat; echo end"));
  ASSERT_TRUE(rig.wait_for<RunStarted>(kRun));
  ASSERT_EQ(::write(pipes.stdin_write.get(), "x\n", 2), 2);
  pipes.stdin_write.reset();
  EXPECT_EQ(read_line(pipes.stdout_read.get()), "x");
  EXPECT_FALSE(wait_readable(pipes.stdout_read.get(), std::chrono::milliseconds(100)));
  rig.client->close_stdin(kRun);
  EXPECT_EQ(read_line(pipes.stdout_read.get()), "end");
}

TEST(GuardRun, AReaderThatWantsNoMoreIsABrokenPipe) {
  Rig rig;
  RunPipes pipes = rig.spawn(kRun, shell("exec yes"));
  EXPECT_EQ(read_line(pipes.stdout_read.get()), "y");
  pipes.stdout_read.reset();
  rig.client->close_stdout(kRun);
  const auto exited = rig.wait_for<RunExited>(kRun);
  ASSERT_TRUE(exited);
  EXPECT_TRUE(WIFSIGNALED(exited->wait_status));
  EXPECT_EQ(WTERMSIG(exited->wait_status), SIGPIPE) << "SIGPIPE is at its default";
}

TEST(GuardRun, SourcesReadDevNull) {
  Rig rig;
  RunRequest request = shell("readlink /proc/self/fd/0; cat; echo end");
  request.wants_stdin = false;
  RunPipes pipes = rig.spawn(kRun, request);
  EXPECT_FALSE(pipes.stdin_write.valid());
  EXPECT_EQ(read_all(pipes.stdout_read.get()), "/dev/null\nend\n");
}

TEST(GuardRun, EnvironmentAndWorkingDirectory) {
  ::setenv("WEIR_TEST_OUTER", "outer", 1);
  ::setenv("WEIR_TEST_BOTH", "outer", 1);
  Rig rig;
  RunRequest request = shell("echo $WEIR_TEST_OUTER $WEIR_TEST_BOTH $WEIR_TEST_INNER; pwd");
  request.environment = {"WEIR_TEST_BOTH=inner", "WEIR_TEST_INNER=inner"};
  request.working_directory = rig.dir.path();
  EXPECT_EQ(output_of(rig, request), "outer inner inner\n" + rig.dir.path() + "\n");
  request.clean_environment = true;
  request.argv = {"/bin/sh", "-c", "env | grep -c OUTER; exit 0"};
  EXPECT_EQ(output_of(rig, request), "0\n");
}

TEST(GuardRun, TheProgramsOwnPathIsSearched) {
  Rig rig;
  write_file(rig.dir / "weir-test-program", "#!/bin/sh\necho found \"$@\"\n", 0755);
  RunRequest request;
  request.argv = {"weir-test-program", "a b", ""};
  request.environment = {"PATH=" + rig.dir.path() + ":/bin"};
  EXPECT_EQ(output_of(rig, request), "found a b \n");
}

TEST(GuardRun, NothingIsInheritedAndSignalsAreAtTheirDefault) {
  const TempDir dir;
  const UniqueFd kept(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  GuardConfig config;
  config.lock_path = dir / "lock";
  config.keep_fds = {kept.get()};
  Rig rig;
  rig.start(config);
  const std::string guard_fds = "/proc/" + std::to_string(rig.client->pid()) + "/fd/";
  RunRequest list;
  list.argv = {"ls", "/proc/self/fd"};
  EXPECT_EQ(output_of(rig, list), "0\n1\n2\n3\n") << "3 is the folder that ls reads";
  EXPECT_EQ(std::filesystem::read_symlink(guard_fds + "5"), "/dev/null");
  // 32 and 33 are glibc's own, see Spawn.SignalsAreAtTheirDefault.
  EXPECT_EQ(output_of(rig, shell("grep -E '^Sig(Blk|Ign)' /proc/self/status")),
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000180000000\n");
}

TEST(GuardRun, LongArgumentsTravelToo) {
  Rig rig;
  RunRequest request;
  request.argv = {"sh", "-c", "printf %s \"$@\" | wc -c", "sh"};
  for (int i = 0; i < 10; ++i) request.argv.emplace_back(100'000, 'x');
  EXPECT_EQ(output_of(rig, request), "1000000\n");
  for (int i = 0; i < 50; ++i) request.argv.emplace_back(100'000, 'x');
  EXPECT_TRUE(text_of_failure(rig, RunId{2}, request, E2BIG)
                  .ends_with("/sh: the arguments and the environment are too long"));
}

TEST(GuardRun, FailuresToStartAreExplained) {
  Rig rig;
  const TempDir& dir = rig.dir;
  EXPECT_EQ(text_of_failure(rig, RunId{1}, dir / "nothing", ENOENT),
            dir / "nothing" + ": no such file");
  write_file(dir / "plain", "#!/bin/sh\n", 0644);
  EXPECT_EQ(text_of_failure(rig, RunId{2}, dir / "plain", EACCES),
            dir / "plain" + ": is not executable (mode 0644); chmod +x it");
  write_file(dir / "script", "#! /no/such/interpreter -x\n", 0755);
  EXPECT_EQ(text_of_failure(rig, RunId{3}, dir / "script", ENOENT),
            dir / "script" + ": its interpreter /no/such/interpreter does not exist");
  write_file(dir / "crlf", "#!/bin/sh\r\necho\r\n", 0755);
  EXPECT_EQ(
      text_of_failure(rig, RunId{4}, dir / "crlf", ENOENT),
      dir / "crlf" + ": its first line ends in a carriage return; save it with Unix line ends");
  EXPECT_EQ(text_of_failure(rig, RunId{5}, dir.path(), EACCES), dir.path() + ": is a directory");
  write_file(dir / "text", "just words\n", 0755);
  EXPECT_EQ(text_of_failure(rig, RunId{6}, dir / "text", ENOEXEC),
            dir / "text" + ": is neither a program nor a script that begins with #!");
  write_file(dir / "empty", "", 0755);
  EXPECT_EQ(text_of_failure(rig, RunId{7}, dir / "empty", ENOEXEC), dir / "empty" + ": is empty");
  EXPECT_EQ(text_of_failure(rig, RunId{8}, "weir-no-such-program", ENOENT),
            std::string("weir-no-such-program: not found in PATH (") + ::getenv("PATH") + ")");
  RunRequest request = shell("true");
  request.working_directory = dir / "nowhere";
  EXPECT_EQ(text_of_failure(rig, RunId{9}, request, ENOENT),
            "working directory " + dir / "nowhere" + ": No such file or directory");
  request.working_directory = dir.path();
  request.argv = {"./relative"};
  EXPECT_EQ(text_of_failure(rig, RunId{10}, request, ENOENT), "./relative: no such file");
}

// /bin/true with another machine, or another loader, in its headers.
TEST(GuardRun, ForeignAndBrokenProgramsAreExplained) {
  Rig rig;
  std::ifstream file("/bin/true", std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  constexpr std::size_t kMachineAt = 18;
  std::string foreign = good;
  foreign[kMachineAt] = static_cast<char>(183);  // EM_AARCH64
  foreign[kMachineAt + 1] = 0;
  write_file(rig.dir / "foreign", foreign, 0755);
  EXPECT_EQ(text_of_failure(rig, RunId{1}, rig.dir / "foreign", ENOEXEC),
            rig.dir / "foreign" + ": is a program for aarch64, this host is x86_64");
  std::string no_loader = good;
  const std::size_t loader = no_loader.find("/lib64/ld-linux");
  ASSERT_NE(loader, std::string::npos);
  no_loader.replace(loader, 6, "/nolib");
  write_file(rig.dir / "no-loader", no_loader, 0755);
  EXPECT_EQ(text_of_failure(rig, RunId{2}, rig.dir / "no-loader", ENOENT),
            rig.dir / "no-loader" +
                ": its loader /nolib/ld-linux-x86-64.so.2 does not exist on this host");
}

TEST(GuardRun, AProgramThatIsStillWrittenIsTriedAgainForAWhile) {
  Rig rig;
  std::filesystem::copy("/bin/true", rig.dir / "busy");
  UniqueFd writer(::open((rig.dir / "busy").c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(text_of_failure(rig, RunId{1}, rig.dir / "busy", ETXTBSY),
            rig.dir / "busy" + ": is still open for writing");
  writer.reset();
  RunRequest request;
  request.argv = {rig.dir / "busy"};
  RunPipes pipes = rig.spawn(RunId{2}, request);
  EXPECT_EQ(rig.finish(RunId{2}, pipes), 0);
}

TEST(GuardRun, ImpossibleRequestsAreRefused) {
  Rig rig;
  EXPECT_EQ(rig.client->spawn(kRun, RunRequest{}).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(rig.client->spawn(kRun, shell(std::string("a\0b", 3))).error().code,
            ErrorCode::kInvalid);
  const RunPipes pipes = rig.spawn(kRun, shell("cat"));
  EXPECT_EQ(rig.client->spawn(kRun, shell("cat")).error().code, ErrorCode::kConflict);
  std::vector<RunPipes> all;
  for (std::uint64_t i = 2; i <= kRunsMax; ++i) all.push_back(rig.spawn(RunId{i}, shell("cat")));
  EXPECT_EQ(rig.client->spawn(RunId{99}, shell("cat")).error().code, ErrorCode::kLimit);
}

TEST(GuardRun, AThousandRunsLeaveNoZombiesAndNoDescriptors) {
  Rig rig;
  const auto once = [&](std::uint64_t i) {
    RunPipes pipes = rig.spawn(RunId{i}, shell("cat"));
    ASSERT_EQ(::write(pipes.stdin_write.get(), "x\n", 2), 2);
    pipes.stdin_write.reset();
    rig.client->close_stdin(RunId{i});
    ASSERT_EQ(read_all(pipes.stdout_read.get()), "x\n");
    ASSERT_EQ(rig.finish(RunId{i}, pipes), 0);
  };
  once(0);
  const std::size_t before = open_fds();
  const std::string guard_fds = "/proc/" + std::to_string(rig.client->pid()) + "/fd";
  const auto guard_count = [&] {
    return std::distance(std::filesystem::directory_iterator(guard_fds),
                         std::filesystem::directory_iterator());
  };
  const auto guard_before = guard_count();
  for (std::uint64_t i = 1; i <= 1000; ++i) once(i);
  EXPECT_EQ(open_fds(), before);
  EXPECT_EQ(guard_count(), guard_before);
  EXPECT_TRUE(runtime::children_of(rig.client->pid()).empty());
}

}  // namespace
}  // namespace weir::action
