// `weirctl up` end to end, with all real processes: a few cases of each sort.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "test/e2e/support/scene.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

Outcome run(Scene& scene, const std::vector<std::string>& words, std::string_view given = "") {
  CommandOptions options = scene.up(words);
  options.stdin_file = scene.write("given", given);
  return scene.run(std::move(options));
}

// stdin is a pipe, for feed().
Command start(Scene& scene, const std::vector<std::string>& words) {
  CommandOptions options = scene.up(words);
  options.stdin_pipe = true;
  return scene.start(std::move(options));
}

// And so is stdout, for read_stdout().
Command start_between_pipes(Scene& scene, const std::vector<std::string>& words) {
  CommandOptions options = scene.up(words);
  options.stdin_pipe = options.stdout_pipe = true;
  return scene.start(std::move(options));
}

// The lock is held by everything that weirctl has started.
bool is_unlocked(const std::string& data) {
  const UniqueFd fd(::open((data + "/lock").c_str(), O_RDWR | O_CLOEXEC));
  return fd.valid() && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
}

bool is_gone(const std::string& pid_file) {
  const std::string text = read_file(pid_file);
  return !text.empty() && ::kill(std::stoi(text), 0) != 0;
}

TEST(Up, RunsAChainOfCommands) {
  Scene scene;
  const auto done = run(scene, {"-e", "'seq 1 1000' ; 'grep 7' ; 'wc -l'"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "271\n");
  EXPECT_EQ(done.err, "");
  EXPECT_EQ(scene.leftovers(), "");
}

TEST(Up, ReadsTheCallersStdin) {
  Scene scene;
  const auto done = run(scene, {"-e", "- ; 'sort' ; 'uniq'"}, "b\na\nb\nc");
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "a\nb\nc\n");
  const auto empty = run(scene, {"-e", "- ; 'wc -l'"}, "");
  EXPECT_EQ(empty.out, "0\n") << empty.err;
}

TEST(Up, LargeStdinIsTheSameAtTheEnd) {
  Scene scene;
  std::string text = numbers(1, 1'000'000);
  text.append(3u << 20, 'x');
  text += "\n" + numbers(1, 1000) + "no newline";
  const auto done = run(scene, {"-e", "- ; 'cat'"}, text);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(done.out == text) << done.out.size() << " bytes, not " << text.size();
}

TEST(Up, StdinFlowsBeforeItEnds) {
  Scene scene;
  Command run = start_between_pipes(scene, {"-e", "- ; 'cat'"});
  run.feed("one\n");
  EXPECT_EQ(run.read_stdout(4), "one\n") << run.err_so_far();
  run.feed("two\n");
  EXPECT_EQ(run.read_stdout(4), "two\n");
  run.end_stdin();
  EXPECT_EQ(run.wait().code, 0) << run.err_so_far();
}

TEST(Up, SeveralSinksAlternateByWholeLines) {
  Scene scene;
  const auto done =
      run(scene, {"-e", "'seq 1 50000' ; ('sed s/^/a/' || 'sed s/^/b/')", "-e", "'printf last'"});
  EXPECT_EQ(done.code, 0) << done.err;
  std::string a;
  std::string b;
  size_t others = 0;
  for (size_t at = 0; at < done.out.size();) {
    const size_t end = std::min(done.out.find('\n', at), done.out.size() - 1) + 1;
    const std::string line = done.out.substr(at, end - at);
    if (line[0] == 'a') {
      a += line;
    } else if (line[0] == 'b') {
      b += line;
    } else {
      EXPECT_TRUE(line == "last\n" || line == "last") << line;
      ++others;
    }
    at = end;
  }
  EXPECT_TRUE(a == numbers(1, 50000, "a"));
  EXPECT_TRUE(b == numbers(1, 50000, "b"));
  EXPECT_EQ(others, 1u);
}

TEST(Up, PrintsAPipelineFileThatRuns) {
  Scene scene;
  const auto printed = run(scene, {"--print", "-e", "'seq 3' ; 'wc -l'"});
  EXPECT_EQ(printed.code, 0);
  EXPECT_TRUE(contains(printed.out, "[node.seq]\nrun = \"seq 3\"\n")) << printed.out;
  // What it prints is a pipeline that runs.
  const auto done = run(scene, {"-"}, printed.out);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "3\n");
}

TEST(Up, GraphErrorsHaveACaretAndUsageErrorsAHint) {
  Scene scene;
  const auto graph = run(scene, {"-e", "'seq 3' | 'wc -l'"});
  EXPECT_EQ(graph.code, 1);
  EXPECT_TRUE(contains(graph.err, "-e:1:9: error")) << graph.err;
  EXPECT_TRUE(contains(graph.err, "        ^\nhint: ")) << graph.err;
  EXPECT_EQ(run(scene, {}).code, 2);
  EXPECT_EQ(run(scene, {"nothing.toml"}).code, 3);
  EXPECT_EQ(scene.leftovers(), "");
}

TEST(Up, FindsProgramsBesideThePipelineFile) {
  Scene scene;
  fs::create_directory(scene.path("sub"));
  scene.write("sub/double", "#!/bin/sh\nawk '{print $1 * 2}' \"$@\"\n", 0755);
  scene.write("sub/p.toml",
              "name = \"p\"\ndataflow = \"gen ; twice\"\naction.tool = { file = \"./double\" }\n"
              "node.gen = { run = \"seq 3\" }\n"
              "node.twice = { action = \"tool\", unit = \"batch\", args = [\"-\"] }\n");
  const auto done = run(scene, {"sub/p.toml"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "2\n4\n6\n");
  fs::permissions(scene.path("sub/double"), fs::perms::owner_read);
  const auto plain = run(scene, {"sub/p.toml"});
  EXPECT_EQ(plain.code, 1);
  EXPECT_TRUE(contains(plain.err, "action 'tool'")) << plain.err;
  EXPECT_TRUE(contains(plain.err, "not executable")) << plain.err;
}

TEST(Up, EndsWhenItsReaderGoesAway) {
  Scene scene;
  Command run = start_between_pipes(scene, {"-e", "'yes' ; 'cat'"});
  run.end_stdin();
  EXPECT_EQ(run.read_stdout(6), "y\ny\ny\n");
  run.close_stdout();
  EXPECT_EQ(run.wait().code, 0) << run.err_so_far();
  EXPECT_EQ(scene.leftovers(), "");
}

TEST(Up, FailsWhenItsOutputIsOnAFullDisk) {
  Scene scene;
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  CommandOptions options = scene.up({"-e", "'seq 3'"});
  options.stdout_fd = full.get();
  const Outcome done = scene.run(std::move(options));
  EXPECT_EQ(done.code, 1);
  EXPECT_TRUE(contains(done.err, "No space left on device")) << done.err;
}

TEST(Up, StderrOfProgramsIsShownToItsLastByte) {
  Scene scene;
  const auto two = run(scene, {"-e", "'seq 2; echo from seq >&2' ; 'cat; printf unfinished >&2'"});
  EXPECT_EQ(two.code, 0);
  EXPECT_TRUE(contains(two.err, "seq| from seq\n")) << two.err;
  EXPECT_TRUE(contains(two.err, "cat| unfinished\n")) << two.err;
  const auto one = run(scene, {"-e", "'echo hello >&2'"});
  EXPECT_EQ(one.err, "hello\n");
}

TEST(Up, FailsWithTheReasonOfAFailingProgram) {
  Scene scene;
  scene.write("p.toml",
              "name = \"p\"\ndataflow = \"gen ; bad\"\nnode.gen = { run = \"seq 3\" }\n"
              "node.bad = { run = \"echo broken >&2; exit 3\", unit = \"stream\", retries = 1 }\n");
  const auto done = run(scene, {"p.toml"});
  EXPECT_EQ(done.code, 1);
  EXPECT_TRUE(contains(done.err, "weir: bad: exited with status 3")) << done.err;
  EXPECT_TRUE(contains(done.err, "bad| broken\n")) << done.err;
  const std::string kept = fs::directory_iterator(scene.path("tmp"))->path();
  EXPECT_TRUE(contains(done.err, "to go on: weirctl up --data " + kept + " p.toml")) << done.err;
  EXPECT_TRUE(scene.processes().empty());
}

TEST(Up, StatusesOtherThanZeroAreShown) {
  Scene scene;
  const auto done = run(scene, {"-e", "'seq 3' ; 'cat; exit 3'"});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out, "1\n2\n3\n");
  EXPECT_TRUE(contains(done.err, "weir: cat: exited with status 3")) << done.err;
  const auto quiet = run(scene, {"-q", "-e", "'seq 3' ; 'cat; exit 3'"});
  EXPECT_EQ(quiet.err, "");
}

TEST(Up, HasNothingToDoForAGraphThatIsComplete) {
  Scene scene;
  const std::vector<std::string> args{"--data", "d", "-e", "'seq 3' ; 'cat'"};
  EXPECT_EQ(run(scene, args).out, "1\n2\n3\n");
  const auto again = run(scene, args);
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(again.out, "");
  EXPECT_TRUE(contains(again.err, "complete")) << again.err;
}

TEST(Up, AnotherGraphOrAnotherRunOnTheSameFolderIsRefused) {
  Scene scene;
  Command first = start_between_pipes(scene, {"--data", "d", "-e", "- ; 'cat'"});
  first.feed("x\n");
  EXPECT_EQ(first.read_stdout(2), "x\n");
  const auto second = run(scene, {"--data", "d", "-e", "- ; 'cat'"});
  EXPECT_EQ(second.code, 6);
  EXPECT_TRUE(contains(second.err, "is in use")) << second.err;
  first.end_stdin();
  EXPECT_EQ(first.wait().code, 0);
  const auto other = run(scene, {"--data", "d", "-e", "- ; 'cat -n'"});
  EXPECT_EQ(other.code, 6);
  EXPECT_TRUE(contains(other.err, "is  run = \"cat -n\"")) << other.err;
}

TEST(Up, InterruptLeavesNothing) {
  Scene scene;
  Command run =
      start(scene, {"-e",
                    "'echo $$ > pid; seq 3; trap \"\" INT TERM; while :; do sleep 1; done' ; "
                    "'tee seen'"});
  wait_for("the programs run", [&] { return read_file(scene.path("seen")) == "1\n2\n3\n"; });
  run.signal(SIGINT);
  EXPECT_EQ(run.wait().code, 130);
  EXPECT_TRUE(is_gone(scene.path("pid")));
  EXPECT_EQ(scene.leftovers(), "");
}

TEST(Up, TheSecondInterruptDoesNotWait) {
  Scene scene;
  Command run = start(scene, {"-e", "'echo $$ > pid; while :; do sleep 1; done'"});
  wait_for("it runs", [&] { return !read_file(scene.path("pid")).empty(); });
  run.signal(SIGINT);
  run.signal(SIGINT);
  run.signal(SIGTERM);
  const int code = run.wait().code;
  EXPECT_TRUE(code == 130 || code == 143) << code;
  wait_for("all is gone", [&] { return is_gone(scene.path("pid")) && scene.processes().empty(); });
}

TEST(Up, GoesOnAfterAStopWithoutRepeats) {
  Scene scene;
  const std::vector<std::string> args{
      "--data",
      "d",
      "--output",
      "o",
      "-e",
      "'seq 1 1000; while [ ! -e go ]; do sleep 0.01; done; seq 1001 2000' ; 'sed -u s/^/x/'"};
  {
    Command run = start(scene, args);
    wait_for("the first half is written",
             [&] { return read_file(scene.path("o/sed")) == numbers(1, 1000, "x"); });
    run.signal(SIGTERM);
    EXPECT_EQ(run.wait().code, 143);
    EXPECT_TRUE(contains(run.err_so_far(), "to go on: weirctl up --data")) << run.err_so_far();
    EXPECT_TRUE(is_unlocked(scene.path("d")));
  }
  scene.write("go", "");
  const auto done = run(scene, args);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(read_file(scene.path("o/sed")) == numbers(1, 2000, "x"));
}

TEST(Up, GoesOnAfterKillsWithoutRepeats) {
  Scene scene;
  const std::vector<std::string> args{"--data", "d",  "--output",
                                      "o",      "-e", "'seq 1 400000' ; ('cat' || 'grep 7')"};
  int runs = 0;
  for (int code = -1; code != 0 && runs < 50; ++runs) {
    Command run = start(scene, args);
    const size_t before = read_file(scene.path("o/cat")).size();
    wait_for("it has written more, or has ended",
             [&] { return !run.running() || read_file(scene.path("o/cat")).size() > before; });
    if (run.running()) run.signal(SIGKILL);
    code = run.wait().code;
    wait_for("all is gone",
             [&] { return is_unlocked(scene.path("d")) && scene.processes().empty(); });
  }
  EXPECT_GT(runs, 1);
  EXPECT_TRUE(read_file(scene.path("o/cat")) == numbers(1, 400000));
}

TEST(Up, ASinkThatIsKilledNeitherLosesNorRepeats) {
  Scene scene;
  const std::string text = numbers(1, 200'000);
  Command run = start(scene, {"-e", "- ; 'cat'"});
  const size_t step = text.size() / 4;
  for (size_t part = 0; part < 4; ++part) {
    run.feed(text.substr(part * step, part == 3 ? std::string::npos : step));
    const std::string so_far = run.out_so_far();
    wait_for("more is written", [&] { return run.out_so_far().size() > so_far.size(); });
    if (const auto wrapper = scene.wrapper("cat")) ::kill(*wrapper, SIGKILL);
  }
  run.end_stdin();
  EXPECT_EQ(run.wait().code, 0) << run.err_so_far();
  EXPECT_TRUE(run.out_so_far() == text) << run.out_so_far().size() << " bytes, not " << text.size();
  EXPECT_TRUE(contains(run.err_so_far(), "its wrapper ended")) << run.err_so_far();
}

TEST(Up, BrokerAndAgentAreStartedAgain) {
  Scene scene;
  Command run = start_between_pipes(scene, {"-e", "- ; 'cat'"});
  run.feed("a\n");
  EXPECT_EQ(run.read_stdout(2), "a\n");
  for (const char* program : {"weir-broker", "weir-agent"}) {
    for (const Process& process : scene.processes_with(program)) ::kill(process.pid, SIGKILL);
    wait_for("it is started again",
             [&] { return contains(run.err_so_far(), std::string(program)); });
  }
  run.feed("b\n");
  EXPECT_EQ(run.read_stdout(2), "b\n");
  run.end_stdin();
  EXPECT_EQ(run.wait().code, 0) << run.err_so_far();
}

TEST(Up, StartsAnAgentForEachHost) {
  Scene scene;
  scene.write("p.toml",
              "name = \"p\"\ndataflow = \"gen ; count\"\n"
              "node.gen = { run = \"seq 3\", hosts = [\"alpha\"] }\n"
              "node.count = { run = \"wc -l\", unit = \"stream\", hosts = [\"beta\"] }\n");
  const auto done = run(scene, {"p.toml", "--data", "d"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "3\n");
  EXPECT_TRUE(fs::exists(scene.path("d/agents/alpha/wal/p/gen.0")));
  EXPECT_TRUE(fs::exists(scene.path("d/agents/beta/wal/p/count.0")));
}

}  // namespace
}  // namespace weir::e2e
