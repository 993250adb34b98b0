// `weirctl up` end to end, with all real processes: a few cases of each sort.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "test/e2e/up_run.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

std::string numbers(int from, int to, const std::string& before = "") {
  std::string text;
  for (int i = from; i <= to; ++i) text += before + std::to_string(i) + "\n";
  return text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
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

TEST(Up, ChainOfCommands) {
  UpFolder folder;
  const auto done = run_up(folder, {.args = {"-e", "'seq 1 1000' ; 'grep 7' ; 'wc -l'"}});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "271\n");
  EXPECT_EQ(done.err, "");
  EXPECT_TRUE(folder.left().empty());
  EXPECT_TRUE(folder.processes().empty());
}

TEST(Up, TheCallersStdin) {
  UpFolder folder;
  const auto done =
      run_up(folder, {.args = {"-e", "- ; 'sort' ; 'uniq'"}, .stdin_text = "b\na\nb\nc"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "a\nb\nc\n");
  const auto empty = run_up(folder, {.args = {"-e", "- ; 'wc -l'"}, .stdin_text = ""});
  EXPECT_EQ(empty.out, "0\n") << empty.err;
}

TEST(Up, LargeStdinIsTheSameAtTheEnd) {
  UpFolder folder;
  std::string text = numbers(1, 1'000'000);
  text.append(3u << 20, 'x');
  text += "\n" + numbers(1, 1000) + "no newline";
  const auto done = run_up(folder, {.args = {"-e", "- ; 'cat'"}, .stdin_text = text});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(done.out == text) << done.out.size() << " bytes, not " << text.size();
}

TEST(Up, StdinFlowsBeforeItEnds) {
  UpFolder folder;
  UpRun run(folder, {.args = {"-e", "- ; 'cat'"}, .stdout_pipe = true});
  run.feed("one\n");
  EXPECT_EQ(run.read_stdout(4), "one\n") << run.err();
  run.feed("two\n");
  EXPECT_EQ(run.read_stdout(4), "two\n");
  run.end_stdin();
  EXPECT_EQ(run.wait(), 0) << run.err();
}

TEST(Up, SeveralSinksAlternateByWholeLines) {
  UpFolder folder;
  const auto done = run_up(folder, {.args = {"-e", "'seq 1 50000' ; ('sed s/^/a/' || 'sed s/^/b/')",
                                             "-e", "'printf last'"}});
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

TEST(Up, Print) {
  UpFolder folder;
  const auto printed = run_up(folder, {.args = {"--print", "-e", "'seq 3' ; 'wc -l'"}});
  EXPECT_EQ(printed.code, 0);
  EXPECT_TRUE(contains(printed.out, "[node.seq]\nrun = \"seq 3\"\n")) << printed.out;
  // What it prints is a pipeline that runs.
  const auto done = run_up(folder, {.args = {"-"}, .stdin_text = printed.out});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "3\n");
}

TEST(Up, GraphErrorsHaveACaretAndUsageErrorsAHint) {
  UpFolder folder;
  const auto graph = run_up(folder, {.args = {"-e", "'seq 3' | 'wc -l'"}});
  EXPECT_EQ(graph.code, 1);
  EXPECT_TRUE(contains(graph.err, "-e:1:9: error")) << graph.err;
  EXPECT_TRUE(contains(graph.err, "        ^\nhint: ")) << graph.err;
  EXPECT_EQ(run_up(folder, {.args = {}}).code, 2);
  EXPECT_EQ(run_up(folder, {.args = {"nothing.toml"}}).code, 3);
  EXPECT_TRUE(folder.left().empty());
}

TEST(Up, ProgramsOfAPipelineFile) {
  UpFolder folder;
  fs::create_directory(folder.path("sub"));
  folder.write("sub/double", "#!/bin/sh\nawk '{print $1 * 2}' \"$@\"\n", 0755);
  folder.write("sub/p.toml",
               "name = \"p\"\ndataflow = \"gen ; twice\"\naction.tool = { file = \"./double\" }\n"
               "node.gen = { run = \"seq 3\" }\n"
               "node.twice = { action = \"tool\", unit = \"batch\", args = [\"-\"] }\n");
  const auto done = run_up(folder, {.args = {"sub/p.toml"}});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "2\n4\n6\n");
  fs::permissions(folder.path("sub/double"), fs::perms::owner_read);
  const auto plain = run_up(folder, {.args = {"sub/p.toml"}});
  EXPECT_EQ(plain.code, 1);
  EXPECT_TRUE(contains(plain.err, "action 'tool'")) << plain.err;
  EXPECT_TRUE(contains(plain.err, "not executable")) << plain.err;
}

TEST(Up, ReaderThatGoesAway) {
  UpFolder folder;
  UpRun run(folder, {.args = {"-e", "'yes' ; 'cat'"}, .stdout_pipe = true});
  run.end_stdin();
  EXPECT_EQ(run.read_stdout(6), "y\ny\ny\n");
  run.close_stdout();
  EXPECT_EQ(run.wait(), 0) << run.err();
  EXPECT_TRUE(folder.left().empty());
  EXPECT_TRUE(folder.processes().empty());
}

TEST(Up, FullDisk) {
  UpFolder folder;
  const auto done = run_up(folder, {.args = {"-e", "'seq 3'"}, .stdout_to = "/dev/full"});
  EXPECT_EQ(done.code, 1);
  EXPECT_TRUE(contains(done.err, "No space left on device")) << done.err;
}

TEST(Up, StderrOfProgramsIsShownToItsLastByte) {
  UpFolder folder;
  const auto two =
      run_up(folder, {.args = {"-e", "'seq 2; echo from seq >&2' ; 'cat; printf unfinished >&2'"}});
  EXPECT_EQ(two.code, 0);
  EXPECT_TRUE(contains(two.err, "seq| from seq\n")) << two.err;
  EXPECT_TRUE(contains(two.err, "cat| unfinished\n")) << two.err;
  const auto one = run_up(folder, {.args = {"-e", "'echo hello >&2'"}});
  EXPECT_EQ(one.err, "hello\n");
}

TEST(Up, AFailingProgram) {
  UpFolder folder;
  folder.write(
      "p.toml",
      "name = \"p\"\ndataflow = \"gen ; bad\"\nnode.gen = { run = \"seq 3\" }\n"
      "node.bad = { run = \"echo broken >&2; exit 3\", unit = \"stream\", retries = 1 }\n");
  const auto done = run_up(folder, {.args = {"p.toml"}});
  EXPECT_EQ(done.code, 1);
  EXPECT_TRUE(contains(done.err, "weir: bad: exited with status 3")) << done.err;
  EXPECT_TRUE(contains(done.err, "bad| broken\n")) << done.err;
  ASSERT_EQ(folder.left().size(), 1u);
  EXPECT_TRUE(contains(done.err, "to go on: weirctl up --data " + folder.left()[0] + " p.toml"))
      << done.err;
  EXPECT_TRUE(folder.processes().empty());
}

TEST(Up, StatusesOtherThanZeroAreShown) {
  UpFolder folder;
  const auto done = run_up(folder, {.args = {"-e", "'seq 3' ; 'cat; exit 3'"}});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out, "1\n2\n3\n");
  EXPECT_TRUE(contains(done.err, "weir: cat: exited with status 3")) << done.err;
  const auto quiet = run_up(folder, {.args = {"-q", "-e", "'seq 3' ; 'cat; exit 3'"}});
  EXPECT_EQ(quiet.err, "");
}

TEST(Up, ASecondRunOfAGraphThatIsComplete) {
  UpFolder folder;
  const std::vector<std::string> args{"--data", "d", "-e", "'seq 3' ; 'cat'"};
  EXPECT_EQ(run_up(folder, {.args = args}).out, "1\n2\n3\n");
  const auto again = run_up(folder, {.args = args});
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(again.out, "");
  EXPECT_TRUE(contains(again.err, "complete")) << again.err;
}

TEST(Up, AnotherGraphOrAnotherRunOnTheSameFolderIsRefused) {
  UpFolder folder;
  UpRun first(folder, {.args = {"--data", "d", "-e", "- ; 'cat'"}, .stdout_pipe = true});
  first.feed("x\n");
  EXPECT_EQ(first.read_stdout(2), "x\n");
  const auto second = run_up(folder, {.args = {"--data", "d", "-e", "- ; 'cat'"}});
  EXPECT_EQ(second.code, 6);
  EXPECT_TRUE(contains(second.err, "is in use")) << second.err;
  first.end_stdin();
  EXPECT_EQ(first.wait(), 0);
  const auto other = run_up(folder, {.args = {"--data", "d", "-e", "- ; 'cat -n'"}});
  EXPECT_EQ(other.code, 6);
  EXPECT_TRUE(contains(other.err, "is  run = \"cat -n\"")) << other.err;
}

TEST(Up, InterruptLeavesNothing) {
  UpFolder folder;
  UpRun run(folder,
            {.args = {"-e",
                      "'echo $$ > pid; seq 3; trap \"\" INT TERM; while :; do sleep 1; done' ; "
                      "'tee seen'"}});
  wait_until("the programs run", [&] { return read_file(folder.path("seen")) == "1\n2\n3\n"; });
  run.signal(SIGINT);
  EXPECT_EQ(run.wait(), 130);
  EXPECT_TRUE(is_gone(folder.path("pid")));
  EXPECT_TRUE(folder.processes().empty());
  EXPECT_TRUE(folder.left().empty());
}

TEST(Up, TheSecondInterruptDoesNotWait) {
  UpFolder folder;
  UpRun run(folder, {.args = {"-e", "'echo $$ > pid; while :; do sleep 1; done'"}});
  wait_until("it runs", [&] { return !read_file(folder.path("pid")).empty(); });
  run.signal(SIGINT);
  run.signal(SIGINT);
  run.signal(SIGTERM);
  const int code = run.wait();
  EXPECT_TRUE(code == 130 || code == 143) << code;
  wait_until("all is gone",
             [&] { return is_gone(folder.path("pid")) && folder.processes().empty(); });
}

TEST(Up, StoppedAndResumed) {
  UpFolder folder;
  const std::vector<std::string> args{
      "--data",
      "d",
      "--output",
      "o",
      "-e",
      "'seq 1 1000; while [ ! -e go ]; do sleep 0.01; done; seq 1001 2000' ; 'sed -u s/^/x/'"};
  {
    UpRun run(folder, {.args = args});
    wait_until("the first half is written",
               [&] { return read_file(folder.path("o/sed")) == numbers(1, 1000, "x"); });
    run.signal(SIGTERM);
    EXPECT_EQ(run.wait(), 143);
    EXPECT_TRUE(contains(run.err(), "to go on: weirctl up --data")) << run.err();
    EXPECT_TRUE(is_unlocked(folder.path("d")));
  }
  folder.write("go", "");
  const auto done = run_up(folder, {.args = args});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(read_file(folder.path("o/sed")) == numbers(1, 2000, "x"));
}

TEST(Up, KilledAndResumedWithoutRepeats) {
  UpFolder folder;
  const std::vector<std::string> args{"--data", "d",  "--output",
                                      "o",      "-e", "'seq 1 400000' ; ('cat' || 'grep 7')"};
  int runs = 0;
  for (int code = -1; code != 0 && runs < 50; ++runs) {
    UpRun run(folder, {.args = args});
    const size_t before = read_file(folder.path("o/cat")).size();
    wait_until("it has written more, or has ended", [&] {
      return !run.is_running() || read_file(folder.path("o/cat")).size() > before;
    });
    if (run.is_running()) run.signal(SIGKILL);
    code = run.wait();
    wait_until("all is gone", [&] { return is_unlocked(folder.path("d")); });
    EXPECT_TRUE(folder.processes().empty());
  }
  EXPECT_GT(runs, 1);
  EXPECT_TRUE(read_file(folder.path("o/cat")) == numbers(1, 400000));
}

TEST(Up, ASinkThatIsKilledNeitherLosesNorRepeats) {
  UpFolder folder;
  const std::string text = numbers(1, 200'000);
  UpRun run(folder, {.args = {"-e", "- ; 'cat'"}});
  const size_t step = text.size() / 4;
  for (size_t part = 0; part < 4; ++part) {
    run.feed(text.substr(part * step, part == 3 ? std::string::npos : step));
    const std::string so_far = run.out();
    wait_until("more is written", [&] { return run.out().size() > so_far.size(); });
    for (const pid_t pid : folder.processes("weir-wrapper")) {
      if (contains(read_file("/proc/" + std::to_string(pid) + "/cmdline"), "cat")) {
        ::kill(pid, SIGKILL);
      }
    }
  }
  run.end_stdin();
  EXPECT_EQ(run.wait(), 0) << run.err();
  EXPECT_TRUE(run.out() == text) << run.out().size() << " bytes, not " << text.size();
  EXPECT_TRUE(contains(run.err(), "its wrapper ended")) << run.err();
}

TEST(Up, BrokerAndAgentAreStartedAgain) {
  UpFolder folder;
  UpRun run(folder, {.args = {"-e", "- ; 'cat'"}, .stdout_pipe = true});
  run.feed("a\n");
  EXPECT_EQ(run.read_stdout(2), "a\n");
  for (const char* program : {"weir-broker", "weir-agent"}) {
    for (const pid_t pid : folder.processes(program)) ::kill(pid, SIGKILL);
    wait_until("it is started again", [&] { return contains(run.err(), std::string(program)); });
  }
  run.feed("b\n");
  EXPECT_EQ(run.read_stdout(2), "b\n");
  run.end_stdin();
  EXPECT_EQ(run.wait(), 0) << run.err();
}

TEST(Up, OneAgentForEachHost) {
  UpFolder folder;
  folder.write("p.toml",
               "name = \"p\"\ndataflow = \"gen ; count\"\n"
               "node.gen = { run = \"seq 3\", hosts = [\"alpha\"] }\n"
               "node.count = { run = \"wc -l\", unit = \"stream\", hosts = [\"beta\"] }\n");
  const auto done = run_up(folder, {.args = {"p.toml", "--data", "d"}});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "3\n");
  EXPECT_TRUE(fs::exists(folder.path("d/agents/alpha/wal/p/gen.0")));
  EXPECT_TRUE(fs::exists(folder.path("d/agents/beta/wal/p/count.0")));
}

}  // namespace
}  // namespace weir::e2e
