// Programs that answer record by record, `frames` and `lines`: GoStreaming's example as a graph,
// large frames, and programs that break their protocol (R11): what they owe is asked again and no
// reply is ever shifted onto another input.
#include <gtest/gtest.h>

#include "test/e2e/support/scene.h"

namespace weir::e2e {
namespace {

std::string frames_node(const std::string& name, const std::string& args) {
  return "[node." + name + "]\naction = \"program\"\nprotocol = \"frames\"\nbackoff = \"20ms\"\n" +
         "args = [" + args + "]\n";
}

std::string printer(const std::string& name) {
  return "[node." + name + "]\nrun = \"cat\"\nunit = \"batch\"\n";
}

std::string head(const std::string& dataflow) {
  return "name = \"frames\"\ndataflow = \"" + dataflow + "\"\n[action.program]\nfile = \"" +
         FRAMES_PROGRAM + "\"\n";
}

std::string multiples(long of, long upto) {
  std::string all;
  for (long i = of; i <= upto; i += of) all += std::to_string(i) + "\n";
  return all;
}

Outcome run(Scene& scene, const std::string& toml) {
  scene.write("frames.toml", toml);
  return scene.run(scene.up({"--output", scene.path("out"), scene.path("frames.toml")}));
}

TEST(Frames, FromSourceToSinksComeThroughAGraphWithBranches) {
  Scene scene;
  const Outcome outcome = run(scene, head("numgen ; filter2 ; (printer2 || (filter3 ; printer6))") +
                                         frames_node("numgen", "'numbers', '20000'") +
                                         frames_node("filter2", "'filter', '2'") +
                                         frames_node("filter3", "'filter', '3'") +
                                         printer("printer2") + printer("printer6"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(difference(multiples(2, 20000), scene.read("out/printer2")), "");
  EXPECT_EQ(difference(multiples(6, 20000), scene.read("out/printer6")), "");
  EXPECT_EQ(scene.leftovers(), "");
}

TEST(Frames, OfLinesAreAnsweredOneByOne) {
  Scene scene;
  const Outcome outcome = run(scene,
                              "name = \"lines\"\ndataflow = \"numbers ; even ; show\"\n"
                              "[node.numbers]\nrun = \"seq 1 20000\"\nrerun = true\n"
                              "[node.even]\nrun = \"sed -u '1~2s/.*//'\"\n"
                              "protocol = \"lines\"\n" +
                                  printer("show"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(difference(multiples(2, 20000), scene.read("out/show")), "");
}

void expect_large(const std::string& count, const std::string& bytes) {
  Scene scene;
  const Outcome outcome =
      run(scene, head("big ; same ; show") +
                     frames_node("big", "'numbers', '" + count + "', '" + bytes + "'") +
                     frames_node("same", "'filter', '1'") + printer("show"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const size_t size = std::stoul(bytes);
  std::string expected;
  for (size_t i = 1; i <= std::stoul(count); ++i) {
    std::string frame = std::to_string(i);
    frame.append(size - frame.size() - 1, ' ');
    expected += frame + "\n";
  }
  EXPECT_EQ(difference(expected, scene.read("out/show")), "");
  EXPECT_EQ(scene.leftovers(), "");
}

TEST(Frames, OfOneMebibyteComeThrough) { expect_large("20", "1048576"); }
TEST(Frames, JustOverOneMebibyteComeThrough) { expect_large("5", "1048577"); }
TEST(Frames, OfSixtyFourMebibytesComeThrough) { expect_large("2", "67108864"); }

// One input at a time: with more under way, a reply too many is told from an answer only at the
// end.
void expect_mended(const std::string& how, long at, const std::string& message) {
  Scene scene;
  const std::string args =
      "'" + how + "', '" + std::to_string(at) + "', '" + scene.path("mark") + "'";
  const Outcome outcome =
      run(scene, head("numbers ; bad ; show") + frames_node("numbers", "'numbers', '3000'") +
                     frames_node("bad", args) + "in_flight = 1\n" + printer("show"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(difference(multiples(1, 3000), scene.read("out/show")), "");
  EXPECT_NE(outcome.err.find(message), std::string::npos) << outcome.err;
  EXPECT_EQ(scene.leftovers(), "");
}

TEST(BrokenProtocol, R11AReplyTooManyFailsTheRunOfTheProgram) {
  expect_mended("extra", 500, "weir: bad: wrote a reply that nothing asked for; attempt 1");
}
TEST(BrokenProtocol, R11AMissingReplyFailsTheRunOfTheProgram) {
  expect_mended("missing", 3000,
                "weir: bad: exited with status 0 with 1 inputs unanswered; attempt 1");
}
TEST(BrokenProtocol, R11AFrameOverTheLimitFailsTheRunOfTheProgram) {
  expect_mended("huge", 500,
                "weir: bad: wrote a frame of 2147483647 bytes; the limit is 104857600; attempt 1");
}
TEST(BrokenProtocol, R11AnEndInTheMiddleOfAReplyFailsTheRunOfTheProgram) {
  expect_mended("cut", 500, "; attempt 1");
}

}  // namespace
}  // namespace weir::e2e
