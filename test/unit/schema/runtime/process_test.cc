#include "schema/runtime/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "schema/runtime/process_tree.h"
#include "schema/runtime/signals.h"

namespace weir::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Pipe {
  UniqueFd in;
  UniqueFd out;
};

Pipe make_pipe() {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string read_all(const UniqueFd& fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(fd.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

std::string read_line(const UniqueFd& fd) {
  std::string line;
  char byte = 0;
  while (::read(fd.get(), &byte, 1) == 1 && byte != '\n') line += byte;
  return line;
}

SpawnOptions shell(const std::string& command) {
  SpawnOptions options;
  options.program = "/bin/sh";
  options.argv = {"sh", "-c", command};
  return options;
}

// What a shell command prints, started with `options`.
std::string output_of(SpawnOptions options) {
  Pipe pipe = make_pipe();
  options.fds.push_back({pipe.out.get(), 1});
  Result<Child> child = spawn(options);
  EXPECT_TRUE(child) << child.error().what;
  pipe.out.reset();
  std::string text = read_all(pipe.in);
  EXPECT_TRUE(reap_within(*child, seconds(10)));
  return text;
}

class TempDir {
 public:
  TempDir() {
    std::string name = "/tmp/weir-process-test-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

TEST(Spawn, RunsAndReaps) {
  Result<Child> child = spawn(shell("exit 3"));
  ASSERT_TRUE(child) << child.error().what;
  EXPECT_TRUE(is_own_child(child->pid));
  Result<int> status = reap_within(*child, seconds(10));
  ASSERT_TRUE(status) << status.error().what;
  EXPECT_EQ(describe_wait_status(*status), "exit status 3");
  EXPECT_FALSE(is_own_child(child->pid));
  Result<std::optional<int>> again = try_reap(child->pid);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kNotFound);
}

TEST(Spawn, SaysWhatIsMissing) {
  SpawnOptions options;
  options.program = "/no/such/program";
  options.argv = {"program"};
  Result<Child> child = spawn(options);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(child.error().what, "start /no/such/program: No such file or directory");
}

TEST(Spawn, EnvironmentIsAddedAndReplaced) {
  ::setenv("WEIR_TEST_A", "old", 1);
  ::setenv("WEIR_TEST_B", "kept", 1);
  SpawnOptions options = shell("echo $WEIR_TEST_A $WEIR_TEST_B $WEIR_TEST_C");
  options.environment = {"WEIR_TEST_A=new", "WEIR_TEST_C=added"};
  EXPECT_EQ(output_of(options), "new kept added\n");
}

TEST(Spawn, MappingsMayCross) {
  const Pipe one = make_pipe();
  const Pipe other = make_pipe();
  // As inconvenient as can be: each source is the target of the other.
  const UniqueFd a(::fcntl(one.out.get(), F_DUPFD_CLOEXEC, 20));
  const UniqueFd b(::fcntl(other.out.get(), F_DUPFD_CLOEXEC, 20));
  SpawnOptions options =
      shell("echo a >&" + std::to_string(a.get()) + "; echo b >&" + std::to_string(b.get()));
  options.program = "/bin/bash";  // dash knows no descriptors above 9.
  options.fds = {{a.get(), b.get()}, {b.get(), a.get()}};
  EXPECT_EQ(output_of(options), "");
  EXPECT_EQ(read_line(one.in), "b");
  EXPECT_EQ(read_line(other.in), "a");
}

TEST(Spawn, NothingButTheMappingsIsInherited) {
  const UniqueFd leaked_low(::open("/dev/null", O_RDONLY));
  const UniqueFd leaked_high(::fcntl(leaked_low.get(), F_DUPFD, 50));
  const UniqueFd wanted(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  SpawnOptions options;
  options.program = "/bin/ls";
  options.argv = {"ls", "/proc/self/fd"};
  options.fds = {{wanted.get(), 7}};
  EXPECT_EQ(output_of(options), "0\n1\n2\n3\n7\n") << "3 is the folder that ls reads";
}

TEST(Spawn, SignalsAreAtTheirDefault) {
  ignore_sigpipe();
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const std::string status = output_of(shell("grep -E '^Sig(Blk|Ign)' /proc/self/status"));
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  // glibc's posix_spawn leaves its two internal signals, 32 and 33, ignored.
  EXPECT_EQ(status, "SigBlk:\t0000000000000000\nSigIgn:\t0000000180000000\n");
}

TEST(Spawn, GroupAndSessionOfItsOwn) {
  SpawnOptions options = shell("cut -d ' ' -f 5,6 /proc/$$/stat; echo $$");
  options.new_session = true;
  const std::string text = output_of(options);
  const std::string pid = text.substr(text.find('\n') + 1);
  EXPECT_EQ(text, pid.substr(0, pid.size() - 1) + " " + pid + pid);
}

TEST(Pidfd, SignalsExactlyThatProcess) {
  Result<Child> child = spawn(shell("exec sleep 1000"));
  ASSERT_TRUE(child);
  Result<UniqueFd> pidfd = open_pidfd(child->pid);
  ASSERT_TRUE(pidfd);
  ASSERT_TRUE(signal_pidfd(*pidfd, SIGKILL));
  Result<int> status = reap_within(*child, seconds(10));
  ASSERT_TRUE(status);
  EXPECT_EQ(describe_wait_status(*status), "signal 9 (Killed)");
  Status late = signal_pidfd(*pidfd, SIGKILL);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(open_pidfd(child->pid).error().code, ErrorCode::kNotFound);
}

TEST(Pidfd, WaitingHasALimit) {
  Result<Child> child = spawn(shell("exec sleep 1000"));
  ASSERT_TRUE(child);
  Result<int> status = reap_within(*child, milliseconds(5));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kTimeout);
  ASSERT_TRUE(signal_pidfd(child->pidfd, SIGKILL));
  EXPECT_TRUE(reap_within(*child, seconds(10)));
}

TEST(Inherited, AProcessThatCallsItselfAGuardIsKilledLikeAnyOther) {
  ASSERT_TRUE(become_subreaper());
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("weir-guard-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string disguise = folder / "weir-guard";
  std::filesystem::copy_file("/bin/sleep", disguise);
  const Pipe pipe = make_pipe();
  SpawnOptions options = shell(disguise + " 1000 3>&- & echo $! >&3");
  options.fds = {{pipe.out.get(), 3}};
  Result<Child> parent = spawn(options);
  ASSERT_TRUE(parent);
  ASSERT_TRUE(reap_within(*parent, seconds(10)));
  const pid_t disguised = std::stoi(read_line(pipe.in));
  const auto deadline = std::chrono::steady_clock::now() + seconds(10);
  while (reap_inherited() > 0 && std::chrono::steady_clock::now() < deadline) kill_inherited();
  EXPECT_EQ(::kill(disguised, 0), -1) << "it lives";
  std::filesystem::remove_all(folder);
}

TEST(Inherited, OrphansAreKilledAndOwnChildrenAreNot) {
  ASSERT_TRUE(become_subreaper());
  Result<Child> own = spawn(shell("exec sleep 1000"));
  ASSERT_TRUE(own);
  // A daemon with a daemon below it, in sessions of their own.
  const Pipe pipe = make_pipe();
  SpawnOptions options =
      shell("setsid sh -c 'setsid sleep 1000 3>&3 & echo deep >&3; exec sleep 1000' & echo $$ >&3");
  options.fds = {{pipe.out.get(), 3}};
  Result<Child> parent = spawn(options);
  ASSERT_TRUE(parent);
  ASSERT_TRUE(reap_within(*parent, seconds(10)));
  read_line(pipe.in);
  read_line(pipe.in);
  const auto deadline = std::chrono::steady_clock::now() + seconds(10);
  EXPECT_GT(reap_inherited(), 0);
  while (reap_inherited() > 0 && std::chrono::steady_clock::now() < deadline) kill_inherited();
  EXPECT_EQ(reap_inherited(), 0);
  EXPECT_EQ(children_of(::getpid()), std::vector<pid_t>{own->pid});
  ASSERT_TRUE(signal_pidfd(own->pidfd, SIGKILL));
  EXPECT_TRUE(reap_within(*own, seconds(10)));
}

TEST(FileLock, IsHeldByOne) {
  const TempDir dir;
  const std::string path = dir / "lock";
  {
    Result<FileLock> first = FileLock::try_acquire(path);
    ASSERT_TRUE(first) << first.error().what;
    Result<FileLock> second = FileLock::try_acquire(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
    EXPECT_EQ(second.error().what, "lock " + path + ": held by another process");
    Result<FileLock> third = FileLock::acquire_within(path, milliseconds(1));
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().code, ErrorCode::kTimeout);
  }
  EXPECT_TRUE(FileLock::acquire_within(path, seconds(10)));
  EXPECT_FALSE(FileLock::try_acquire(dir / "no/such/folder/lock"));
}

TEST(FileLock, IsHandedDown) {
  const TempDir dir;
  const std::string path = dir / "lock";
  Result<FileLock> given = FileLock::try_acquire(path);
  ASSERT_TRUE(given);
  Result<FileLock> taken = FileLock::inherited(::dup(given->fd()), path);
  ASSERT_TRUE(taken) << taken.error().what;
  given = Error{ErrorCode::kUnavailable, "its giver is gone"};
  EXPECT_FALSE(FileLock::try_acquire(path));
  EXPECT_EQ(::fcntl(taken->fd(), F_GETFD), FD_CLOEXEC);
  const Result<FileLock> other = FileLock::inherited(taken->fd(), dir / "another");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kInvalid);
  taken = Error{ErrorCode::kUnavailable, "gone too"};
  EXPECT_TRUE(FileLock::try_acquire(path));
}

TEST(FindProgram, BesideTheRunningOneThenInPath) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  Result<std::string> beside = find_program(std::filesystem::path(self).filename().string());
  ASSERT_TRUE(beside);
  EXPECT_EQ(*beside, self);
  Result<std::string> in_path = find_program("sh");
  ASSERT_TRUE(in_path);
  EXPECT_TRUE(in_path->ends_with("/sh"));
  Result<std::string> nowhere = find_program("weir-no-such-program");
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace weir::runtime
