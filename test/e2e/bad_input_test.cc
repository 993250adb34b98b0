// What goes wrong says so exactly, ends with exit status 1, and neither hangs nor is tried for ever
// (R7, R8, R9, R11).
#include <gtest/gtest.h>
#include <poll.h>

#include <csignal>
#include <fstream>
#include <random>

#include "test/e2e/support/scene.h"

namespace weir::e2e {
namespace {

std::string file_with(const std::string& action_file) {
  return "name = \"bad\"\ndataflow = \"numbers ; bad\"\n[action.tool]\nfile = \"" + action_file +
         "\"\n[node.numbers]\nrun = \"seq 1 10\"\nrerun = true\n[node.bad]\naction = \"tool\"\n"
         "unit = \"batch\"\nbackoff = \"10ms\"\n";
}

std::string batch(const std::string& command, const std::string& more = "", int records = 1000) {
  return "name = \"bad\"\ndataflow = \"numbers ; bad\"\n[node.numbers]\nrun = \"seq 1 " +
         std::to_string(records) + "\"\nrerun = true\n[node.bad]\nrun = '''" + command +
         "'''\nunit = \"batch\"\nretries = 2\nbackoff = \"10ms\"\n" + more;
}

Outcome up_file(Scene& scene, const std::string& toml) {
  scene.write("bad.toml", toml);
  return scene.run(scene.up({"--data", scene.path("data"), scene.path("bad.toml")}));
}

Outcome up(Scene& scene, const std::string& expression) {
  return scene.run(scene.up({"--data", scene.path("data"), "-e", expression}));
}

void expect_failure(const Scene& scene, const Outcome& outcome, const std::string& message) {
  EXPECT_TRUE(outcome.in_time);
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  EXPECT_NE(outcome.err.find(message), std::string::npos) << "expected: " << message << "\n"
                                                          << outcome.err;
  EXPECT_EQ(scene.leftovers(true), "");
}

TEST(BadProgram, AMissingFileIsNamed) {
  Scene scene;
  expect_failure(scene, up_file(scene, file_with("./nothing")), "nothing");
}

TEST(BadProgram, AFileThatIsNotExecutableIsRefused) {
  Scene scene;
  scene.write("tool", "#!/bin/sh\ncat\n", 0644);
  expect_failure(scene, up_file(scene, file_with("./tool")), "is not executable");
}

TEST(BadProgram, AMissingInterpreterIsNamed) {
  Scene scene;
  scene.write("tool", "#!/no/such/shell\ncat\n", 0755);
  expect_failure(
      scene, up_file(scene, file_with("./tool")),
      "weir: bad: " + scene.path("tool") + ": its interpreter /no/such/shell does not exist");
}

TEST(BadProgram, ACarriageReturnBehindTheInterpreterIsExplained) {
  Scene scene;
  scene.write("tool", "#!/bin/sh\r\ncat\r\n", 0755);
  expect_failure(scene, up_file(scene, file_with("./tool")),
                 "its first line ends in a carriage return; save it with Unix line ends");
}

TEST(BadProgram, AProgramForAnotherMachineIsExplained) {
  Scene scene;
  std::string elf = read_file("/bin/true");
  elf[18] = static_cast<char>(0xf3);  // e_machine: RISC-V.
  elf[19] = 0;
  scene.write("tool", elf, 0755);
  expect_failure(scene, up_file(scene, file_with("./tool")),
                 "weir: bad: " + scene.path("tool") + ": is a program for riscv, this host is ");
}

TEST(BadProgram, AnEmptyFileIsRefused) {
  Scene scene;
  scene.write("tool", "", 0755);
  expect_failure(scene, up_file(scene, file_with("./tool")), ": is empty");
}

TEST(BadProgram, ACommandThatTheShellDoesNotFindFailsTheRun) {
  Scene scene;
  expect_failure(scene, up(scene, "'seq 1 10' ; 'nosuchprogram x'"),
                 "weir: nosuchprogram: exited with status 127");
}

TEST(BadProgram, AnUnreadableFileIsShownAndTheRunGoesOn) {
  Scene scene;
  const Outcome outcome = up(scene, "'cat /no/such/file' ; 'wc -l'");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "0\n");
  EXPECT_NE(outcome.err.find("cat| cat: /no/such/file: No such file"), std::string::npos);
  EXPECT_NE(outcome.err.find("weir: cat: exited with status 1"), std::string::npos) << outcome.err;
}

TEST(BadProgram, ASourceThatFailsAtOnceIsNotTriedForEver) {
  Scene scene;
  const Outcome outcome = up_file(
      scene,
      "name = \"bad\"\ndataflow = \"source ; count\"\n[node.source]\nrun = \"cat /no/such\"\n"
      "retries = 2\nbackoff = \"10ms\"\n[node.count]\nrun = \"wc -l\"\nunit = \"stream\"\n");
  expect_failure(
      scene, outcome,
      "weir: source: exited with status 1, 3 times; last line of its stderr: cat: /no/such: "
      "No such file or directory");
}

TEST(BadProgram, AStreamThatFailsAtOnceIsNotTriedForEver) {
  Scene scene;
  std::string toml = batch("echo no >&2; exit 3");
  toml.replace(toml.find("unit = \"batch\""), 14, "unit = \"stream\"");
  expect_failure(scene, up_file(scene, toml),
                 "weir: bad: exited with status 3, 3 times; last line of its stderr: no");
}

TEST(BadProgram, ABatchThatAlwaysFailsEnds) {
  Scene scene;
  expect_failure(scene, up_file(scene, batch("exit 3", "max_dead = 200\n", 100)),
                 "every record failed: exited with status 3");
}

TEST(BadProgram, MuchStderrHoldsUpNoData) {
  Scene scene;
  const Outcome outcome = up(scene, "'seq 1 10' ; 'seq 1 300000 >&2; cat' ; 'wc -l'");
  EXPECT_EQ(outcome.code, 0) << excerpt(outcome.err);
  EXPECT_EQ(outcome.out, "10\n");
}

TEST(BadInput, ARecordOver100MiBFailsAnAggregatingNode) {
  Scene scene;
  const Outcome outcome =
      up_file(scene,
              "name = \"bad\"\ndataflow = \"big ; bad\"\n[node.big]\nrun = \"head -c 106954752 "
              "/dev/zero\"\nrerun = true\n[node.bad]\nrun = \"wc -c\"\nunit = \"batch\"\n");
  expect_failure(scene, outcome,
                 "weir: bad: a record from big.0 is over 100 MiB: unit = \"batch\" needs records "
                 "whole; use unit = \"stream\" for longer ones");
}

TEST(BadInput, R9APoisonRecordBecomesADeadLetter) {
  Scene scene;
  const Outcome outcome = up_file(
      scene,
      batch("echo run >> runs; cat > in.$$; if grep -qx 613 in.$$; then exit 5; fi; cat in.$$",
            "max_records = 1000\n"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::string expected;
  for (int i = 1; i <= 1000; ++i) expected += i == 613 ? "" : std::to_string(i) + "\n";
  EXPECT_EQ(difference(expected, outcome.out), "");
  EXPECT_NE(outcome.err.find("weir: bad: 1 dead letter"), std::string::npos) << outcome.err;
  // Three attempts, two halves of each of ten splits, a second chance; more if it came in parts.
  EXPECT_LE(scene.read("runs").size() / 4, 3 + 20 + 5 + 4u);
}

// A log that is full of what a stream unit holds (R7).
constexpr const char* kMuch = "'seq 1 3000000' ; 'sort -n' ; 'tail -n 1'";

TEST(BadInput, ALogThatHasNoRoomForABlockIsRefused) {
  Scene scene;
  const Outcome outcome = scene.run(scene.up({"--log-limit", "64KiB", "-e", kMuch}));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("give at least 1MiB"), std::string::npos) << outcome.err;
}

TEST(BadInput, ARunThatNeverBeganLeavesNoFolder) {
  Scene scene;
  scene.write("file", "");
  const Outcome outcome = scene.run(scene.up({"--output", scene.path("file"), "-e", "'echo hi'"}));
  expect_failure(scene, outcome, scene.path("file") + ": Not a directory");
  EXPECT_EQ(outcome.err.find("to go on"), std::string::npos) << outcome.err;
  EXPECT_EQ(scene.leftovers(), "");
}

TEST(BadInput, R7AFullLogSaysWhatToDo) {
  Scene scene;
  const Outcome outcome =
      scene.run(scene.up({"--data", scene.path("data"), "--log-limit", "8MiB", "-e", kMuch}));
  expect_failure(scene, outcome,
                 "cannot drain: a reader's stream unit holds all of it until it ends");
}

TEST(BadInput, R7AFullLogIsTrimmedAtTakenWithoutData) {
  Scene scene;
  const Outcome outcome = scene.run(scene.up({"--log-limit", "8MiB", "-e", kMuch}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "3000000\n");
  EXPECT_NE(
      outcome.err.find("what has been taken is dropped, so the run can no longer be repeated"),
      std::string::npos)
      << outcome.err;
  EXPECT_EQ(scene.leftovers(), "");
}

TEST(BadInput, ASecondRunOnTheSameFolderIsRefused) {
  Scene scene;
  const std::vector<std::string> words{"--data", scene.path("data"), "-e", "'yes' ; 'cat >all'"};
  Command first = scene.start(scene.up(words));
  ASSERT_TRUE(wait_until([&] { return scene.program("cat").has_value(); })) << first.err_so_far();
  const Outcome second = scene.run(scene.up(words));
  EXPECT_EQ(second.code, 6);
  EXPECT_NE(second.err.find("is in use: another 'weirctl up' runs on it"), std::string::npos);
  EXPECT_TRUE(first.running());
  first.signal(SIGINT);
  EXPECT_EQ(first.wait().code, 130);
  EXPECT_EQ(scene.leftovers(true), "");
}

TEST(Interrupt, AtAnyMomentExits130AndNobodySeesAnEndOfInput) {
  const uint64_t seed = seed_from_environment(41);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 5; ++i) {
    Scene scene;
    Command run =
        scene.start(scene.up({"-e", "'yes' ; 'cat; : > ended-1' ; 'cat > got; : > ended-2'"}));
    ::poll(nullptr, 0, static_cast<int>(random() % 1500));
    run.signal(SIGINT);
    const Outcome outcome = run.wait();
    EXPECT_TRUE(outcome.in_time);
    EXPECT_EQ(outcome.code, 130) << "seed " << seed << " round " << i << "\n" << outcome.err;
    EXPECT_EQ(scene.leftovers(), "");
    for (const char* mark : {"ended-1", "ended-2"}) {
      EXPECT_FALSE(std::ifstream(scene.path(mark)).good()) << mark << " seed " << seed;
    }
  }
}

}  // namespace
}  // namespace weir::e2e
