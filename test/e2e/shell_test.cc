// weirctl as a shell and its scripts have it: signals, descriptors, files and folders that are not
// as they should be.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "test/e2e/support/scene.h"
#include "test/e2e/support/small_disk.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

// weirctl as $1 of a shell script.
CommandOptions script(const std::string& text) {
  CommandOptions options;
  options.argv = {"sh", "-c", text, "sh", WEIRCTL};
  return options;
}

// ---- signals

class IgnoredSignal : public testing::TestWithParam<const char*> {};

TEST_P(IgnoredSignal, StaysIgnored) {
  Scene scene;
  const std::string name = GetParam();
  Command up = scene.start(script("trap '' " + name +
                                  "; exec $1 up -e \"'seq 3; until [ -e go ]; do sleep 0.02; done; "
                                  "seq 4 5' ; 'cat'\""));
  ASSERT_TRUE(wait_until([&] { return up.out_so_far() == numbers(1, 3); })) << up.err_so_far();
  up.signal(name == "HUP" ? SIGHUP : name == "INT" ? SIGINT : SIGTERM);
  scene.write("go", "");
  const Outcome done = up.wait();
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, numbers(1, 5));
  EXPECT_EQ(scene.leftovers(), "");
}

INSTANTIATE_TEST_SUITE_P(All, IgnoredSignal, testing::Values("HUP", "INT", "TERM"),
                         [](const auto& one) { return std::string(one.param); });

// ---- standard output

// Reads from a pipe until it ends.
std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(fd, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

struct NonBlockingPipe {
  NonBlockingPipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reader.reset(ends[0]);
    writer.reset(ends[1]);
    EXPECT_EQ(::fcntl(writer.get(), F_SETFL, O_NONBLOCK), 0);
  }
  UniqueFd reader;
  UniqueFd writer;
};

void expect_all_through(Scene& scene, CommandOptions command, const std::string& expected) {
  NonBlockingPipe pipe;
  command.stdout_fd = pipe.writer.get();
  Command running = scene.start(command);
  // Nothing is read before there is no room for more.
  int pending = 0;
  ASSERT_TRUE(wait_until([&] {
    return ::ioctl(pipe.reader.get(), FIONREAD, &pending) == 0 && pending > 60'000;
  })) << running.err_so_far();
  pipe.writer.reset();
  const std::string out = read_all(pipe.reader.get());
  const Outcome done = running.wait();
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(difference(expected, out), "") << done.err;
}

TEST(NonBlockingStdout, OfUpIsWaitedFor) {
  Scene scene;
  expect_all_through(scene, scene.up({"-e", "'seq 200000' ; 'cat'"}), numbers(1, 200'000));
}

TEST(NonBlockingStdout, OfLogsIsWaitedFor) {
  Scene scene;
  const Outcome run = scene.run(scene.up({"--data", "d", "-e", "'seq 100000 >&2'"}));
  ASSERT_EQ(run.code, 0) << run.err;
  expect_all_through(scene, scene.weirctl({"logs", "--data", "d"}), numbers(1, 100'000));
}

TEST(NonBlockingStdin, IsReadToItsEnd) {
  Scene scene;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  CommandOptions command = scene.weirctl({"pipeline", "check", "-"});
  command.stdin_fd = reader.get();
  Command check = scene.start(command);
  const std::string half = "name = \"p\"\ndataflow = \"a\"\n";
  ASSERT_EQ(::write(writer.get(), half.data(), half.size()), static_cast<ssize_t>(half.size()));
  // It has read that, and would take "nothing now" for the end.
  int pending = 1;
  ASSERT_TRUE(
      wait_until([&] { return ::ioctl(reader.get(), FIONREAD, &pending) == 0 && pending == 0; }));
  const std::string rest = "node.a = { run = \"seq 3\" }\n";
  ASSERT_EQ(::write(writer.get(), rest.data(), rest.size()), static_cast<ssize_t>(rest.size()));
  writer.reset();
  const Outcome done = check.wait();
  EXPECT_EQ(done.code, 0) << done.err;
}

TEST(ClosedStdout, MakesTheRunFail) {
  Scene scene;
  const Outcome up = scene.run(script("$1 up -e \"'seq 3'\" >&-"));
  EXPECT_EQ(up.code, 1);
  EXPECT_TRUE(contains(up.err, "standard output is closed")) << up.err;
  EXPECT_EQ(scene.leftovers(), "");
  // Opened for reading only.
  EXPECT_EQ(scene.run(script("$1 up -e \"'seq 3'\" 1</dev/null")).code, 1);
  // Nothing goes there.
  const Outcome files = scene.run(script("$1 up --output o -e \"'seq 3'\" >&-"));
  EXPECT_EQ(files.code, 0) << files.err;
  EXPECT_EQ(scene.read("o/seq"), numbers(1, 3));
  for (const char* command : {"up --print -e \"'seq 3'\"", "tree -e \"'seq 3'\"", "--version",
                              "pipeline check -e \"'seq 3'\"", "up --help"}) {
    const Outcome other = scene.run(script("$1 " + std::string(command) + " >&-"));
    EXPECT_EQ(other.code, 1) << command;
    EXPECT_TRUE(contains(other.err, "write standard output: Bad file descriptor")) << other.err;
  }
}

// What is opened later gets the number of what was closed.
TEST(ClosedStdout, AndStderrAreNotReplacedByFilesOfTheRun) {
  Scene scene;
  const Outcome all = scene.run(
      script("$1 up --data d --output o -e \"'seq 3; echo said >&2' ; 'cat'\" <&- >&- 2>&-"));
  EXPECT_EQ(all.code, 0);
  EXPECT_EQ(scene.read("o/cat"), numbers(1, 3));
  const Outcome again =
      scene.run(scene.up({"--data", "d", "--output", "o", "-e", "'seq 3; echo said >&2' ; 'cat'"}));
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_TRUE(contains(again.err, "this run is complete")) << again.err;
}

TEST(Strict, EndsWith1ForStatusesThatWereAccepted) {
  const struct {
    const char* expression;
    int code;
    int strict;
  } kCases[] = {
      {"'seq 3' ; 'cat'", 0, 0},
      {"'seq 3; exit 3' ; 'cat'", 0, 1},  // A source that failed.
      {"'seq 3' ; 'cat; exit 7'", 0, 1},
      {"'seq 3' ; 'grep 9'", 0, 1},
      {"'seq 3' ; 'cat; exit 126'", 1, 1},
  };
  for (const auto& c : kCases) {
    Scene scene;
    const Outcome plain = scene.run(scene.up({"-e", c.expression}));
    EXPECT_EQ(plain.code, c.code) << c.expression << plain.err;
    const Outcome strict = scene.run(scene.up({"--strict", "-q", "-e", c.expression}));
    EXPECT_EQ(strict.code, c.strict) << c.expression << strict.err;
    EXPECT_EQ(contains(strict.err, "--strict: 1 run ended with another status than 0"),
              c.code == 0 && c.strict == 1)
        << strict.err;
    EXPECT_EQ(strict.out, plain.out);
    if (c.code == 0) {
      EXPECT_EQ(scene.leftovers(), "");
    }
  }
}

TEST(Strict, EndsWith1ForDeadLettersAlsoWhenTheRunIsComplete) {
  Scene scene;
  scene.write("p.toml",
              "name = \"p\"\ndataflow = \"a ; b\"\nnode.a = { run = \"seq 3\" }\n"
              "node.b = { run = \"grep -v 2\", unit = \"record\", accept = [0], retries = 0 }\n");
  EXPECT_EQ(scene.run(scene.up({"--data", "d", "p.toml"})).code, 0);
  const Outcome strict = scene.run(scene.up({"--data", "d", "--strict", "p.toml"}));
  EXPECT_EQ(strict.code, 1) << strict.err;
  EXPECT_TRUE(contains(strict.err, "this run is complete")) << strict.err;
  EXPECT_TRUE(
      contains(strict.err, "--strict: 0 runs ended with another status than 0, 1 dead letter"))
      << strict.err;
  EXPECT_EQ(scene.run(scene.up({"--data", "d", "p.toml"})).code, 0);
}

TEST(PipedIn, DataThatNobodyReadsIsNoted) {
  Scene scene;
  const std::string note =
      "nothing reads the standard input that is piped in: use - as an entry of the graph";
  // At any time, and not only at the start.
  Command up = scene.start(
      script("(until [ -e begun ]; do sleep 0.02; done; seq 3) | $1 up -e \"'touch begun; "
             "seq 3; until [ -e told ]; do sleep 0.02; done'\""));
  EXPECT_TRUE(wait_until([&] { return contains(up.err_so_far(), note); })) << up.err_so_far();
  scene.write("told", "");
  const Outcome piped = up.wait();
  EXPECT_EQ(piped.code, 0);
  EXPECT_EQ(piped.out, numbers(1, 3));
  EXPECT_TRUE(contains(piped.err, note)) << piped.err;
  for (const char* silent : {"seq 3 | $1 up -q -e \"'seq 3'\"", "seq 3 | $1 up -e \"- ; 'cat'\"",
                             "$1 up -e \"'seq 3'\" </dev/null", ": | $1 up -e \"'seq 3'\"",
                             "$1 up --print -e \"'seq 3'\" | $1 up -"}) {
    const Outcome outcome = scene.run(script(silent));
    EXPECT_EQ(outcome.out, numbers(1, 3)) << silent;
    EXPECT_EQ(outcome.err, "") << silent;
  }
}

// ---- processes

TEST(Limits, OfProcessesAreCheckedBeforeAnythingIsMade) {
  Scene scene;
  fs::permissions(scene.folder(), fs::perms::all);
  fs::permissions(scene.path("tmp"), fs::perms::all);
  // As nobody, because root has no such limit.
  CommandOptions command;
  command.argv = {"setpriv",
                  "--reuid=65534",
                  "--regid=65534",
                  "--clear-groups",
                  "bash",
                  "-c",
                  "ulimit -u 12; exec $1 up -e \"'seq 3' ; 'wc -l'\"",
                  "bash",
                  WEIRCTL};
  const Outcome outcome = scene.run(command);
  if (contains(outcome.err, "setpriv")) GTEST_SKIP() << outcome.err;
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(contains(outcome.err, "(ulimit -u is 12): a run of 2 nodes needs about "))
      << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_EQ(scene.leftovers(), "");
}

// A broker that cannot begin: what it says is told once, and what follows is no news.
TEST(Daemons, WhyOneEndsIsToldOnce) {
  Scene scene;
  // The first run leaves a store that nobody can open.
  ASSERT_EQ(scene.run(scene.up({"--data", "d", "-e", "'seq 3; sleep 1; exit 126'"})).code, 1);
  for (const auto& file : fs::directory_iterator(scene.path("d/broker/store"))) {
    const std::string name = file.path().filename();
    if (name.starts_with("MANIFEST")) scene.write("d/broker/store/" + name, "nonsense");
  }
  Command up = scene.start(scene.up({"--data", "d", "-e", "'seq 3; sleep 1; exit 126'"}));
  const auto ended = [&] {
    size_t lines = 0;
    const std::string err = up.err_so_far();
    for (size_t at = 0; (at = err.find("weir-broker ended (", at)) != std::string::npos; ++at)
      ++lines;
    return lines;
  };
  ASSERT_TRUE(wait_until([&] { return ended() > 0; })) << up.err_so_far();
  EXPECT_TRUE(contains(up.err_so_far(), "weir-broker ended (exit status 1: error broker"))
      << up.err_so_far();
  // It is tried four more times in a second.
  const auto log_lines = [&] {
    const std::string log = scene.read("d/logs/broker.log");
    return std::count(log.begin(), log.end(), '\n');
  };
  ASSERT_TRUE(wait_until([&] { return log_lines() >= 4; })) << scene.read("d/logs/broker.log");
  EXPECT_EQ(ended(), 1u) << up.err_so_far();
  up.signal(SIGINT);
  EXPECT_EQ(up.wait().code, 130);
}

TEST(GrandchildLong, ThatKeepsStdoutIsNamedAfterTenSeconds) {
  Scene scene;
  Command up = scene.start(
      scene.up({"-q", "-e", "'seq 3; (until [ -e go ]; do sleep 0.1; done) & exit 0' ; 'cat'"}));
  ASSERT_TRUE(wait_until([&] { return up.out_so_far() == numbers(1, 3); })) << up.err_so_far();
  ASSERT_TRUE(wait_until([&] {
    return contains(up.err_so_far(), "weir: seq: its program has ended, but process");
  })) << up.err_so_far();
  EXPECT_TRUE(contains(up.err_so_far(), " (sh)")) << up.err_so_far();
  EXPECT_TRUE(up.running());
  scene.write("go", "");
  const Outcome done = up.wait();
  EXPECT_EQ(done.code, 0) << done.err;
}

// ---- files

TEST(Output, OfTwoRunsAtOnceIsRefused) {
  Scene scene;
  Command first = scene.start(
      scene.up({"--output", "o", "-e", "'seq 3; until [ -e go ]; do sleep 0.02; done' ; 'cat'"}));
  ASSERT_TRUE(wait_until([&] { return scene.read("o/cat") == numbers(1, 3); }));
  const Outcome second = scene.run(scene.up({"--output", "o", "-e", "'seq 9' ; 'cat'"}));
  EXPECT_EQ(second.code, 6);
  EXPECT_TRUE(contains(second.err, "o is in use: another 'weirctl up' writes its results there"))
      << second.err;
  scene.write("go", "");
  EXPECT_EQ(first.wait().code, 0);
  EXPECT_EQ(scene.read("o/cat"), numbers(1, 3));
  EXPECT_EQ(scene.run(scene.up({"--output", "o", "-e", "'seq 9' ; 'cat'"})).code, 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(scene.path("o")), fs::directory_iterator()), 1);
}

// Opened for writing it would wait for a reader, whatever signal comes.
TEST(Output, AFifoIsRefused) {
  for (const char* name : {"cat", ".cat.weir"}) {
    Scene scene;
    scene.make_folder("o");
    ASSERT_EQ(::mkfifo(scene.path("o/" + std::string(name)).c_str(), 0600), 0);
    const Outcome outcome = scene.run(scene.up({"--output", "o", "-e", "'seq 3' ; 'cat'"}));
    EXPECT_TRUE(outcome.in_time);
    EXPECT_EQ(outcome.code, 6) << outcome.err;
    EXPECT_TRUE(contains(outcome.err, "is not a regular file")) << outcome.err;
    EXPECT_EQ(scene.leftovers(), "");
  }
}

TEST(CurrentFolder, ThatIsGoneIsNamedAndNothingIsLeft) {
  Scene scene;
  const Outcome gone = scene.run(script("mkdir x; cd x; rmdir ../x; $1 up -e \"'seq 3'\""));
  EXPECT_EQ(gone.code, 1);
  EXPECT_TRUE(contains(gone.err, "the current folder is gone")) << gone.err;
  EXPECT_EQ(scene.leftovers(), "");
}

std::string open_to_others(const std::string& folder) {
  std::string text;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const fs::perms others = fs::perms::group_all | fs::perms::others_all;
    // Who may use a socket is said by its folder.
    if (entry.is_symlink() || entry.is_socket()) continue;
    if ((entry.status().permissions() & others) == fs::perms::none) continue;
    text += entry.path().string() + "\n";
  }
  return text;
}

// The mask of new files is ours for what weir writes, and the caller's for programs.
TEST(DataFolder, IsOnesOwnAndProgramsKeepTheirUmask) {
  Scene scene;
  scene.make_folder("d");
  fs::permissions(scene.path("d"), fs::perms(0755));
  Command up = scene.start(script(
      "umask 022; exec $1 up --data d -e \"'umask; seq 3; until [ -e go ]; do sleep 0.02; done' ; "
      "'cat'\""));
  ASSERT_TRUE(wait_until([&] { return up.out_so_far().ends_with("3\n"); })) << up.err_so_far();
  EXPECT_EQ(fs::status(scene.path("d")).permissions(), fs::perms(0700));
  EXPECT_EQ(open_to_others(scene.path("d")), "");
  scene.write("go", "");
  const Outcome done = up.wait();
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "0022\n" + numbers(1, 3));
  EXPECT_EQ(open_to_others(scene.path("d")), "");

  fs::permissions(scene.path("d"), fs::perms(0750));
  const Outcome open = scene.run(scene.up({"--data", "d", "-e", "'seq 3'"}));
  EXPECT_EQ(open.code, 1);
  EXPECT_TRUE(contains(open.err, "d is open to other users (mode 0750): 'chmod go= ")) << open.err;
}

TEST(DataFolder, AsADanglingLinkIsRefusedAsThat) {
  Scene scene;
  fs::create_symlink("nowhere", scene.path("link"));
  for (const char* option : {"--data", "--output"}) {
    const Outcome outcome = scene.run(scene.up({option, "link", "-e", "'seq 3'"}));
    EXPECT_EQ(outcome.code, 6) << outcome.err;
    EXPECT_TRUE(contains(outcome.err, "link is a link to nowhere, which is not there"))
        << outcome.err;
    EXPECT_EQ(scene.leftovers(), "");
  }
}

TEST(Arguments, TheKernelWouldRefuseAreRefusedBeforehand) {
  Scene scene;
  const auto file = [](const std::string& args, const std::string& env) {
    return "name = \"p\"\ndataflow = \"a\"\naction.tool = { file = \"/bin/echo\" }\n"
           "node.a = { action = \"tool\", args = [" +
           args + "], env = { X = \"" + env + "\" } }\n";
  };
  const std::string longest(131'071, 'x');
  scene.write("p.toml", file("\"" + longest + "\"", ""));
  EXPECT_EQ(scene.run(scene.weirctl({"pipeline", "check", "p.toml"})).code, 0);
  EXPECT_EQ(scene.run(scene.up({"p.toml"})).out, longest + "\n");
  for (const std::string& text : {file("\"" + longest + "x\"", ""), file("", longest.substr(1))}) {
    scene.write("p.toml", text);
    for (const char* command : {"pipeline check p.toml", "up p.toml"}) {
      const Outcome outcome = scene.run(script("$1 " + std::string(command)));
      EXPECT_EQ(outcome.code, 1);
      EXPECT_TRUE(contains(outcome.err, "a program can be given at most 131071 in one"))
          << excerpt(outcome.err);
    }
  }
  // Each is short enough, and all together are too long.
  const std::string some = "\"" + longest.substr(0, 50'000) + "\"";
  scene.write("p.toml", file(some + ", " + some + ", " + some, ""));
  EXPECT_EQ(scene.run(script("$1 up p.toml")).code, 0);
  const Outcome whole = scene.run(script("ulimit -s 256; $1 up p.toml"));
  EXPECT_EQ(whole.code, 1);
  EXPECT_TRUE(contains(whole.err, "a: its arguments and environment are ")) << whole.err;
  EXPECT_EQ(scene.leftovers(), "");
}

TEST(NoexecMount, IsNamedAndNotTheFilesMode) {
  Scene scene;
  const SmallDisk disk(scene.path("with blank"), 1);
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  scene.write("with blank/tool", "#!/bin/sh\ncat\n", 0755);
  fs::copy_file("/bin/sh", scene.path("with blank/sh"));
  scene.write("script", "#!" + scene.make_folder("link") + "/sh\ncat\n", 0755);
  fs::remove(scene.path("link"));
  fs::create_directory_symlink(scene.path("with blank"), scene.path("link"));
  disk.forbid_programs();
  const auto pipeline = [](const std::string& file) {
    return "name = \"p\"\ndataflow = \"a ; b\"\naction.tool = { file = \"" + file +
           "\" }\nnode.a = { run = \"seq 3\" }\n"
           "node.b = { action = \"tool\", unit = \"stream\" }\n";
  };
  const std::string named = "is on " + scene.path("with blank") +
                            ", which is mounted noexec: no program there can be run";
  scene.write("p.toml", pipeline("with blank/tool"));
  const Outcome tool = scene.run(scene.up({"p.toml"}));
  EXPECT_EQ(tool.code, 1);
  EXPECT_TRUE(contains(tool.err, "/tool: it " + named)) << tool.err;
  scene.write("p.toml", pipeline("script"));
  const Outcome script = scene.run(scene.up({"--data", "d", "p.toml"}));
  EXPECT_EQ(script.code, 1);
  EXPECT_TRUE(contains(script.err, "its interpreter " + scene.path("link/sh") + " " + named))
      << script.err;
}

// ---- the command line

TEST(EmptyValue, IsRefusedByEachProgram) {
  Scene scene;
  for (const char* program :
       {"weir-broker --data", "weir-broker --data d --listen", "weir-broker --data d --config",
        "weir-agent --name a --data", "weir-agent --data d --name",
        "weir-agent --data d --name a --broker", "weir-wrapper --order"}) {
    for (const char* value : {" ''", "="}) {
      const Outcome only = scene.run(script("$(dirname $1)/" + std::string(program) + value));
      EXPECT_NE(only.code, 0) << program;
      EXPECT_TRUE(contains(only.err, "the value is empty")) << program << value << only.err;
    }
  }
  scene.write("empty.toml", "data = \"\"\n");
  const Outcome file = scene.run(script("$(dirname $1)/weir-broker --config empty.toml"));
  EXPECT_EQ(file.code, 2);
  EXPECT_TRUE(contains(file.err, "empty.toml:1:8: error: it is empty")) << file.err;
}

}  // namespace
}  // namespace weir::e2e
