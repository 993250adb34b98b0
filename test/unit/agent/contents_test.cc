#include "agent/core/contents.h"

#include <gtest/gtest.h>

namespace weir::agent {
namespace {

using std::chrono::milliseconds;
constexpr uint64_t kMiB = 1u << 20;

wire::ActionRef action(const std::string& name, uint64_t bytes = 3 * kMiB) {
  return {name, 1, "hash-of-" + name, bytes};
}

// Effects by name, for comparing: the sweep at the start is left out.
class World {
 public:
  using Names = std::vector<std::string>;

  Names need(const std::vector<wire::ActionRef>& actions) {
    std::map<std::string, wire::ActionRef> all;
    for (const wire::ActionRef& one : actions) all[one.sha256] = one;
    contents.need(all);
    return names();
  }
  Names is(const std::string& name, uint64_t offset) {
    contents.on_answer("hash-of-" + name, ContentIs{offset}, now);
    return tick();
  }
  Names failed(const std::string& name, const std::string& what) {
    contents.on_answer("hash-of-" + name, ContentFailed{what}, now);
    return tick();
  }
  Names data(const std::string& name, uint64_t offset, const std::string& bytes = "bytes") {
    contents.on_data({"hash-of-" + name, offset, wire::Bytes{bytes}}, now);
    return tick();
  }
  Names tick(milliseconds later = milliseconds(0)) {
    now += later;
    contents.tick(connected, now);
    return names();
  }
  bool here(const std::string& name) const { return contents.is_here("hash-of-" + name); }
  std::string waits(const std::string& name) const { return contents.waits("hash-of-" + name); }

  Contents contents;
  std::vector<SweepContents> sweeps;
  bool connected = true;
  SteadyTime now{std::chrono::hours(1)};

 private:
  Names names() {
    Names all;
    for (const ContentEffect& effect : contents.take_effects()) {
      if (const auto* look = std::get_if<LookForContent>(&effect)) {
        all.push_back("look " + look->sha256.substr(8));
      } else if (const auto* add = std::get_if<AddToContent>(&effect)) {
        all.push_back("add " + add->sha256.substr(8) + " " + std::to_string(add->offset));
      } else if (const auto* ask = std::get_if<AskForContent>(&effect)) {
        all.push_back("ask " + ask->sha256.substr(8) + " " + std::to_string(ask->offset));
      } else {
        sweeps.push_back(std::get<SweepContents>(effect));
      }
    }
    return all;
  }
};
using Names = World::Names;

TEST(Contents, AreFetchedChunkByChunk) {
  World world;
  EXPECT_EQ(world.need({action("a")}), Names{"look a"});
  EXPECT_EQ(world.waits("a"), "waits for action a: 0 of 3 MiB");
  EXPECT_EQ(world.is("a", 0), Names{"ask a 0"});
  EXPECT_EQ(world.tick(), Names{}) << "one question at a time";
  EXPECT_EQ(world.data("a", 0), Names{"add a 0"});
  EXPECT_EQ(world.data("a", 0), Names{}) << "the answer to a question that was asked twice";
  EXPECT_EQ(world.is("a", kMiB), Names{"ask a " + std::to_string(kMiB)});
  EXPECT_EQ(world.waits("a"), "waits for action a: 1 of 3 MiB");
  EXPECT_EQ(world.data("a", 0), Names{}) << "an old chunk";
  EXPECT_EQ(world.data("a", kMiB), Names{"add a " + std::to_string(kMiB)});
  EXPECT_FALSE(world.here("a"));
  EXPECT_EQ(world.is("a", 3 * kMiB), Names{});
  EXPECT_TRUE(world.here("a"));
  EXPECT_EQ(world.waits("a"), "");
  EXPECT_FALSE(world.contents.deadline());
}

TEST(Contents, ThatAreHereAreNotFetched) {
  World world;
  world.need({action("a", 10)});
  EXPECT_EQ(world.is("a", 10), Names{});
  EXPECT_TRUE(world.here("a"));
  EXPECT_EQ(world.need({}), Names{});
  EXPECT_EQ(world.need({action("a", 10)}), Names{}) << "it was verified already";
  EXPECT_TRUE(world.here("a"));
}

TEST(Contents, AreAskedForAgainWhenNothingComes) {
  World world;
  world.need({action("a")});
  world.is("a", 0);
  EXPECT_EQ(world.tick(kAskAgain - milliseconds(1)), Names{});
  EXPECT_EQ(world.tick(milliseconds(1)), Names{"ask a 0"});
  EXPECT_LE(*world.contents.deadline(), world.now + kAskAgain);
}

TEST(Contents, WaitForTheBrokerAndGoOnWhereTheyWere) {
  World world;
  world.need({action("a")});
  world.is("a", 0);
  world.data("a", 0);
  world.connected = false;
  EXPECT_EQ(world.is("a", kMiB), Names{});
  EXPECT_EQ(world.tick(kAskAgain), Names{});
  world.connected = true;
  EXPECT_EQ(world.tick(milliseconds(1)), Names{"ask a " + std::to_string(kMiB)});
  // An answer that was lost with its connection is not waited for.
  world.connected = false;
  world.tick(milliseconds(1));
  world.connected = true;
  EXPECT_EQ(world.tick(milliseconds(1)), Names{"ask a " + std::to_string(kMiB)});
}

TEST(Contents, FailuresAreToldAndTriedAgainPaced) {
  World world;
  world.need({action("a")});
  world.is("a", 0);
  world.data("a", 0);
  EXPECT_EQ(world.failed("a", "write: No space left on device"), Names{});
  EXPECT_EQ(world.waits("a"), "waits for action a: 0 of 3 MiB; write: No space left on device");
  EXPECT_EQ(world.contents.deadline(), world.now + kContentPauseFirst);
  EXPECT_EQ(world.tick(kContentPauseFirst - milliseconds(1)), Names{});
  EXPECT_EQ(world.tick(milliseconds(1)), Names{"look a"});
  EXPECT_EQ(world.failed("a", "again"), Names{});
  EXPECT_EQ(world.tick(kContentPauseFirst), Names{});
  EXPECT_EQ(world.tick(kContentPauseFirst), Names{"look a"});
  EXPECT_EQ(world.is("a", 0), Names{"ask a 0"});
  EXPECT_EQ(world.waits("a"), "waits for action a: 0 of 3 MiB");
}

TEST(Contents, TheBrokersRefusalIsAFailure) {
  World world;
  world.need({action("a")});
  world.is("a", 0);
  world.contents.on_refused("hash-of-a", "there is no such content", world.now);
  EXPECT_EQ(world.waits("a"),
            "waits for action a: 0 of 3 MiB; the broker: there is no such content");
  EXPECT_EQ(world.tick(kContentPauseFirst), Names{"look a"});
  // One that ends too early is refused as well.
  world.is("a", kMiB);
  EXPECT_EQ(world.data("a", kMiB, ""), Names{});
  EXPECT_NE(world.waits("a").find("has only 1048576 bytes"), std::string::npos);
}

TEST(Contents, OnlySoManyAreFetchedAtOnce) {
  World world;
  std::vector<wire::ActionRef> many;
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) many.push_back(action(name));
  EXPECT_EQ(world.need(many), (Names{"look a", "look b", "look c", "look d"}));
  EXPECT_EQ(world.is("b", 3 * kMiB), Names{"look e"});
  EXPECT_EQ(world.failed("a", "no"), Names{"look f"});
}

TEST(Contents, WhatNobodyNeedsAnyMoreIsForgotten) {
  World world;
  world.need({action("a"), action("b")});
  world.is("a", 0);
  EXPECT_EQ(world.need({action("b")}), Names{});
  EXPECT_EQ(world.data("a", 0), Names{});
  EXPECT_EQ(world.need({action("a"), action("b")}), Names{"look a"});
}

TEST(Contents, TheCacheIsSweptAtTheStartAndWhenItHasGrown) {
  World world;
  world.need({action("a", kMiB), action("b", kMiB)});
  ASSERT_EQ(world.sweeps.size(), 1u);
  EXPECT_EQ(world.sweeps[0].bytes_max, 0u);
  EXPECT_EQ(world.sweeps[0].keep, (std::set<std::string>{"hash-of-a", "hash-of-b"}));
  world.is("a", kMiB);
  EXPECT_EQ(world.sweeps.size(), 1u) << "it was here already";
  world.need({action("b", kMiB)});
  world.is("b", 0);
  world.data("b", 0);
  world.is("b", kMiB);
  ASSERT_EQ(world.sweeps.size(), 2u);
  EXPECT_EQ(world.sweeps[1].bytes_max, kCacheBytesMax);
  EXPECT_EQ(world.sweeps[1].keep, std::set<std::string>{"hash-of-b"});
  // It may be gone now.
  EXPECT_FALSE(world.here("a"));
  EXPECT_EQ(world.need({action("a", kMiB), action("b", kMiB)}), Names{"look a"});
}

}  // namespace
}  // namespace weir::agent
