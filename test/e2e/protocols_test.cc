// What docs/protocols.md says of `lines` and `frames`, with programs that people write: its
// examples, empty records, and programs that keep their answers back (R12).
#include <gtest/gtest.h>

#include "test/e2e/support/scene.h"

namespace weir::e2e {
namespace {

std::string pipeline(const std::string& source, const std::string& node) {
  return "name = \"protocols\"\ndataflow = \"source ; node ; show\"\n"
         "[action.program]\nfile = \"program\"\n"
         "[node.source]\nrun = '''" +
         source + "'''\nrerun = true\n[node.node]\n" + node +
         "[node.show]\nrun = \"cat\"\nunit = \"batch\"\n";
}

// Without [action.program]: the node has a command.
std::string commands(const std::string& source, const std::string& node) {
  std::string all = pipeline(source, node);
  const std::string action = "[action.program]\nfile = \"program\"\n";
  return all.erase(all.find(action), action.size());
}

Outcome run(Scene& scene, const std::string& toml) {
  scene.write("protocols.toml", toml);
  return scene.run(scene.up({scene.path("protocols.toml")}));
}

struct Example {
  std::string file;
  std::string protocol;
  std::string args;
  std::string needs;  // A program that not every host has.
};

class Examples : public testing::TestWithParam<Example> {};

TEST_P(Examples, OfThePageTellEvenNumbers) {
  Scene scene;
  const Example& example = GetParam();
  if (scene.run(scene.shell("command -v " + example.needs)).code != 0) {
    GTEST_SKIP() << example.needs << " is not installed";
  }
  const std::string file = std::string(WEIR_EXAMPLES) + "/protocols/" + example.file;
  const std::string make =
      example.needs == "cc" ? "cc -Wall -Werror -O2 -o program " + file : "cp " + file + " program";
  const Outcome made = scene.run(scene.shell(make));
  ASSERT_EQ(made.code, 0) << made.err;
  const Outcome outcome =
      run(scene, pipeline("seq 1 500", "action = \"program\"\nprotocol = \"" + example.protocol +
                                           "\"\nargs = [" + example.args + "]\n"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::string expected;
  for (int i = 2; i <= 500; i += 2) expected += std::to_string(i) + " is even\n";
  EXPECT_EQ(difference(expected, outcome.out), "");
}

INSTANTIATE_TEST_SUITE_P(Each, Examples,
                         testing::Values(Example{"even.sh", "lines", "", "sh"},
                                         Example{"even.awk", "lines", "", "mawk"},
                                         Example{"even.py", "lines", "", "python3"},
                                         Example{"even.py", "frames", "'frames'", "python3"},
                                         Example{"even.c", "frames", "", "cc"}),
                         [](const auto& example) {
                           std::string name = example.param.needs;
                           name[0] = static_cast<char>(std::toupper(name[0]));
                           return name + (example.param.protocol == "lines" ? "Lines" : "Frames");
                         });

TEST(Protocols, EmptyRecordsComeThroughCat) {
  for (const char* protocol : {"lines", "frames"}) {
    Scene scene;
    const Outcome outcome =
        run(scene, commands("printf \"\\n\\na\\n\\nb\\n\\n\"",
                            "run = \"cat\"\nprotocol = \"" + std::string(protocol) + "\"\n"));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "\n\na\n\nb\n\n") << protocol;
  }
}

// Its source is silent for longer than stall_timeout, again and again.
TEST(Buffering, R12AFilterBehindAQuietSourceLosesNothing) {
  Scene scene;
  const Outcome outcome =
      run(scene, commands("for i in 1 2 3; do echo $i; sleep 2; done; echo 4",
                          "run = \"sed 's/^/x/'\"\nprotocol = \"lines\"\nretries = 0\n"
                          "stall_timeout = \"700ms\"\n"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "x1\nx2\nx3\nx4\n");
  EXPECT_NE(outcome.err.find("weir: node: it buffers its output"), std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("sed -u"), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find("dead letter"), std::string::npos) << outcome.err;
  EXPECT_EQ(scene.leftovers(), "");
}

// The source goes on when its first record has come out; without line buffering that would take a
// minute.
TEST(Buffering, WithProtocolLinesNothingIsHeldBack) {
  Scene scene;
  scene.write(
      "protocols.toml",
      "name = \"protocols\"\ndataflow = \"source ; node ; show\"\n"
      "[node.source]\nrun = '''echo 1; while [ ! -e seen ]; do sleep 0.05; done; echo 2'''\n"
      "[node.node]\nrun = \"sed 's/^/x/'\"\nprotocol = \"lines\"\nbuffering = \"line\"\n"
      "[node.show]\nrun = \"cat && touch seen\"\nunit = \"batch\"\n");
  const Outcome outcome = scene.run(scene.up({scene.path("protocols.toml")}), Limit(50'000));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "x1\nx2\n");
}

TEST(Buffering, OfAFilterIsWarnedOfAtThePut) {
  Scene scene;
  scene.write("p.toml", commands("seq 3", "run = \"sed 's/^/x/'\"\nprotocol = \"lines\"\n"));
  const Outcome outcome = scene.run(scene.weirctl({"pipeline", "check", "p.toml"}));
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("is good"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.err.find("p.toml:7:7: warning: sed keeps back"), std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("hint: write sed -u, or add buffering = \"line\""), std::string::npos)
      << outcome.err;
}

}  // namespace
}  // namespace weir::e2e
