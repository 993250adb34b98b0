#include <gtest/gtest.h>

#include "ctl/client/control_client.h"
#include "ctl/up/restart_pace.h"

namespace weir::ctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr runtime::SteadyTime kStart{};

TEST(Requests, KeepTheirIdUntilTheyAreAnswered) {
  Requests requests("up-1");
  std::vector<std::string> answers;
  const auto answer = [&](const Result<wire::Message>& result) {
    answers.push_back(result ? std::string(wire::type_name(*result)) : result.error().what);
  };
  const auto bytes = requests.add(wire::PipelineStop{"p"}, seconds(30), answer, kStart);
  ASSERT_TRUE(bytes);
  EXPECT_TRUE(requests.tick(kStart + milliseconds(499)).empty());
  EXPECT_EQ(requests.tick(kStart + milliseconds(500)), std::vector<std::string>{*bytes});
  EXPECT_TRUE(requests.tick(kStart + milliseconds(900)).empty());
  const std::string id = wire::request_of(*bytes);
  requests.on_message({"another", wire::Ok{}});
  EXPECT_TRUE(answers.empty());
  requests.on_message({id, wire::Ok{}});
  requests.on_message({id, wire::Ok{}});
  EXPECT_EQ(answers, std::vector<std::string>{"ok"});
  EXPECT_TRUE(requests.empty());
}

TEST(Requests, EndWithAnErrorOnRefusalAndTimeout) {
  Requests requests("up-1");
  std::vector<ErrorCode> codes;
  const auto answer = [&](const Result<wire::Message>& result) {
    ASSERT_FALSE(result);
    codes.push_back(result.error().code);
  };
  const auto refused = requests.add(wire::PipelineStop{"p"}, seconds(1), answer, kStart);
  const auto late = requests.add(wire::PipelineStop{"p"}, seconds(1), answer, kStart);
  EXPECT_NE(*refused, *late);
  requests.on_message({wire::request_of(*refused), wire::Refusal{ErrorCode::kConflict, "no"}});
  EXPECT_TRUE(requests.tick(kStart + seconds(1)).empty());
  EXPECT_EQ(codes, (std::vector<ErrorCode>{ErrorCode::kConflict, ErrorCode::kTimeout}));
}

TEST(Requests, NameAnAnswerOfAnotherRelease) {
  Requests requests("up-1");
  std::string what;
  const auto asked = requests.add(
      wire::PipelineStop{"p"}, seconds(1),
      [&](const Result<wire::Message>& result) { what = result.error().what; }, kStart);
  requests.on_message({wire::request_of(*asked), wire::Unknown{2, "error"}});
  EXPECT_EQ(what,
            "the broker's answer: messages of version 2 are not known here, only those of version "
            "1; broker, agents and weirctl have to be of the same release");
}

TEST(RestartPace, DoublesAndIsResetByALongLife) {
  RestartPace pace;
  std::vector<int64_t> pauses;
  for (int i = 0; i < 7; ++i) {
    pace.started(kStart);
    pauses.push_back(pace.ended(false, kStart + seconds(1))->count());
  }
  EXPECT_EQ(pauses, (std::vector<int64_t>{100, 200, 400, 800, 1600, 2000, 2000}));
  EXPECT_EQ(pace.ended(false, kStart + seconds(3))->count(), 100);
}

TEST(RestartPace, GivesUpOnWhoDiesByItself) {
  RestartPace pace;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(pace.ended(true, kStart));
  for (int i = 0; i < RestartPace::kShortLivesMax; ++i) ASSERT_TRUE(pace.ended(false, kStart));
  EXPECT_FALSE(pace.ended(false, kStart));
}

}  // namespace
}  // namespace weir::ctl
