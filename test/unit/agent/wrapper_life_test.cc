#include "agent/core/wrapper_life.h"

#include <gtest/gtest.h>

#include <csignal>
#include <random>
#include <set>

namespace weir::agent {
namespace {

using std::chrono::milliseconds;
using wire::InstanceState;

constexpr int64_t kPid = 100;

wire::StartOrder order(uint64_t term = 1, const std::string& reader_endpoint = "ipc://r") {
  wire::StartOrder result;
  result.pipeline = "p";
  result.node.name = "n";
  result.node.run = "cat";
  result.term = term;
  result.readers = {{"r.0", reader_endpoint}};
  return result;
}

wire::InstanceStatus report(int64_t pid = kPid, uint64_t term = 1) {
  wire::InstanceStatus status;
  status.pipeline = "p";
  status.node = "n";
  status.term = term;
  status.pid = pid;
  status.state = InstanceState::kRunning;
  status.endpoint = "ipc://n";
  return status;
}

// Effects by name, for comparing.
std::string name_of(const LifeEffect& effect) {
  static const char* const kNames[] = {"store",      "remove", "launch", "probe",
                                       "follow",     "signal", "stop",   "end",
                                       "neighbours", "starts", "report"};
  std::string name = kNames[effect.index()];
  if (const auto* signal = std::get_if<SignalProcess>(&effect)) {
    name += std::to_string(signal->signal);
  }
  return name;
}

// One life and its clock. Effects that are reports are left out of what step() returns.
class Life {
 public:
  explicit Life(bool stored = true) : life_(order(), stored) {}

  std::vector<std::string> step(const LifeEvent& event, milliseconds later = milliseconds(0)) {
    now_ += later;
    std::vector<std::string> names;
    for (const LifeEffect& effect : life_.step(event, now_)) {
      if (std::holds_alternative<ReportNow>(effect)) continue;
      if (!std::holds_alternative<NoteStarts>(effect)) names.push_back(name_of(effect));
    }
    return names;
  }
  std::vector<std::string> pass(milliseconds time) { return step(TimePassed{}, time); }
  // How long until the next launch.
  milliseconds until_launch() {
    for (milliseconds waited{0}; waited < milliseconds(20'000); waited += milliseconds(10)) {
      if (step(TimePassed{}, milliseconds(waited.count() == 0 ? 0 : 10)) == Names{"launch"}) {
        return waited;
      }
    }
    return milliseconds(-1);
  }
  void bring_up() {
    EXPECT_EQ(pass(milliseconds(0)), Names{"launch"});
    step(Started{kPid});
    EXPECT_EQ(step(HelloCame{kPid, 1}), Names{"neighbours"});
    step(ReportCame{report()});
  }

  using Names = std::vector<std::string>;
  WrapperLife& life() { return life_; }

 private:
  WrapperLife life_;
  SteadyTime now_{std::chrono::hours(1)};
};
using Names = Life::Names;

TEST(WrapperLife, TheOrderIsStoredBeforeTheStart) {
  Life life(false);
  EXPECT_EQ(life.step(OrderCame{order()}), Names{"store"});
  EXPECT_EQ(life.step(OrderStored{}), Names{"launch"});
  EXPECT_EQ(life.step(Started{kPid}), Names{});
  EXPECT_EQ(life.life().state(), LifeState::kFollowing);
  EXPECT_EQ(life.life().status().state, InstanceState::kStarting);
  EXPECT_EQ(life.step(HelloCame{kPid, 1}), Names{"neighbours"});
  life.step(ReportCame{report()});
  EXPECT_EQ(life.life().status(), report());
}

TEST(WrapperLife, NothingStartsWhileTheOrderCannotBeStored) {
  Life life(false);
  EXPECT_EQ(life.step(OrderCame{order()}), Names{"store"});
  EXPECT_EQ(life.step(DiskFailed{"disk full"}), Names{});
  EXPECT_EQ(life.life().status().last_error, "disk full");
  EXPECT_EQ(life.pass(kRetryDelay - milliseconds(1)), Names{});
  EXPECT_EQ(life.pass(milliseconds(1)), Names{"store"});
  EXPECT_EQ(life.step(OrderStored{}), Names{"launch"});
}

TEST(WrapperLife, RestartsArePacedAndThePaceIsForgotten) {
  Life life;
  life.bring_up();
  const std::vector<int> pauses{0, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
  int64_t pid = kPid;
  for (const int pause : pauses) {
    // Ended right after it was started.
    life.step(Ended{pid, std::nullopt, "signal 9 (Killed)", ""});
    if (life.life().state() == LifeState::kDown) {
      EXPECT_EQ(life.until_launch().count(), pause);
    } else {
      EXPECT_EQ(pause, 0);  // In the same step.
    }
    life.step(Started{++pid});
  }
  life.pass(kUpLongEnough);
  life.step(Ended{pid, 1, "exit status 1", ""});
  EXPECT_EQ(life.life().state(), LifeState::kLaunching);
}

TEST(WrapperLife, AFailedStartIsPacedToo) {
  Life life;
  life.pass(milliseconds(0));
  EXPECT_EQ(life.step(StartFailed{"no such program"}), Names{"launch"});
  life.step(StartFailed{"no such program"});
  EXPECT_EQ(life.until_launch(), kRestartPauseFirst);
  life.step(StartFailed{"no such program"});
  EXPECT_EQ(life.life().status().last_error, "no such program");
}

struct EndCase {
  std::optional<int> code;
  LifeState state;
};

TEST(WrapperLife, ExitStatusesDecideWhetherItIsStartedAgain) {
  for (const EndCase& one :
       {EndCase{0, LifeState::kLaunching}, EndCase{75, LifeState::kLaunching},
        EndCase{1, LifeState::kLaunching}, EndCase{std::nullopt, LifeState::kLaunching},
        EndCase{70, LifeState::kGivenUp}, EndCase{64, LifeState::kGivenUp},
        EndCase{65, LifeState::kGivenUp}}) {
    Life life;
    life.bring_up();
    life.step(Ended{kPid, one.code, "exit", "what it said last"});
    EXPECT_EQ(life.life().state(), one.state) << one.code.value_or(-1);
    const auto status = life.life().status();
    EXPECT_NE(status.last_error.find("what it said last"), std::string::npos);
    if (one.state == LifeState::kGivenUp) {
      EXPECT_EQ(status.state, InstanceState::kFailed);
      EXPECT_EQ(life.pass(std::chrono::hours(1)), Names{});
    }
  }
}

TEST(WrapperLife, AnotherOrderEndsGivingUp) {
  Life life;
  life.bring_up();
  life.step(Ended{kPid, 64, "exit status 64", ""});
  EXPECT_EQ(life.step(OrderCame{order()}), Names{});  // The same one.
  EXPECT_EQ(life.step(OrderCame{order(2)}), Names{"store"});
  EXPECT_EQ(life.step(OrderStored{}), Names{"launch"});
}

TEST(WrapperLife, AdoptsWhoHoldsTheLock) {
  Life life;
  EXPECT_EQ(life.pass(milliseconds(0)), Names{"launch"});
  EXPECT_EQ(life.step(LockHeld{}), Names{});
  EXPECT_EQ(life.life().state(), LifeState::kUnknownRuns);
  EXPECT_EQ(life.pass(kRetryDelay), Names{"probe"});
  EXPECT_EQ(life.step(LockHeld{}), Names{});
  EXPECT_EQ(life.step(HelloCame{kPid, 1}), (Names{"follow", "neighbours"}));
  EXPECT_EQ(life.life().pid(), kPid);
}

TEST(WrapperLife, StartsAnewWhenTheUnknownOneIsGone) {
  Life life;
  life.pass(milliseconds(0));
  life.step(LockHeld{});
  EXPECT_EQ(life.pass(kRetryDelay), Names{"probe"});
  EXPECT_EQ(life.step(LockFree{}), Names{"launch"});
}

TEST(WrapperLife, AHelloOfTheDeadIsIgnored) {
  Life life;
  life.bring_up();
  life.step(Ended{kPid, std::nullopt, "signal 9", ""});
  life.step(StartFailed{"x"});
  life.step(HelloCame{kPid, 1});
  EXPECT_EQ(life.life().state(), LifeState::kDown);
}

TEST(WrapperLife, APidThatWasGivenAnewIsNotTheDeads) {
  Life life;
  life.bring_up();
  EXPECT_EQ(life.step(Ended{kPid, std::nullopt, "signal 9", ""}), Names{"launch"});
  life.step(Started{kPid});
  EXPECT_EQ(life.step(HelloCame{kPid, 1}), Names{"neighbours"});
}

TEST(WrapperLife, StopsByMessageThenKills) {
  Life life;
  life.bring_up();
  EXPECT_EQ(life.step(StopCame{}), Names{"stop"});
  EXPECT_EQ(life.pass(kRetryDelay / 2), Names{});
  EXPECT_EQ(life.pass(kRetryDelay / 2), Names{"stop"});
  EXPECT_EQ(life.pass(kStopGrace), Names{"signal9"});
  EXPECT_EQ(life.step(Ended{kPid, std::nullopt, "signal 9", ""}), Names{"remove"});
  EXPECT_EQ(life.step(OrderRemoved{}), Names{});
  EXPECT_EQ(life.life().state(), LifeState::kGone);
}

TEST(WrapperLife, StopsByTermBeforeHello) {
  Life life;
  life.pass(milliseconds(0));
  life.step(Started{kPid});
  EXPECT_EQ(life.step(StopCame{}), Names{"signal15"});
  EXPECT_EQ(life.step(HelloCame{kPid, 1}), Names{"stop"});
}

TEST(WrapperLife, TheAgentsOwnStopKeepsTheOrder) {
  Life life;
  life.bring_up();
  EXPECT_EQ(life.step(StopCame{false}), Names{"stop"});
  EXPECT_EQ(life.step(Ended{kPid, 0, "exit status 0", ""}), Names{});
  EXPECT_EQ(life.pass(std::chrono::hours(1)), Names{});
  EXPECT_EQ(life.life().state(), LifeState::kDown);
}

TEST(WrapperLife, IsReportedUntilItsOrderIsRemoved) {
  Life life;
  life.bring_up();
  life.step(StopCame{});
  EXPECT_EQ(life.step(Ended{kPid, 0, "exit status 0", ""}), Names{"remove"});
  life.step(DiskFailed{"read-only"});
  EXPECT_NE(life.life().state(), LifeState::kGone);
  EXPECT_EQ(life.pass(kRetryDelay), Names{"remove"});
}

TEST(WrapperLife, AStopIsTakenBack) {
  Life life;
  life.bring_up();
  life.step(StopCame{});
  EXPECT_EQ(life.step(OrderCame{order()}), Names{});  // The stop was sent: it will end.
  EXPECT_EQ(life.step(Ended{kPid, 0, "exit status 0", ""}), Names{"launch"});
}

TEST(WrapperLife, AHigherTermReplacesTheProcess) {
  Life life;
  life.bring_up();
  EXPECT_EQ(life.step(OrderCame{order(2)}), (Names{"store", "stop"}));
  EXPECT_EQ(life.life().status().term, 1u);  // What runs is still the old one.
  life.step(OrderStored{});
  EXPECT_EQ(life.step(Ended{kPid, 0, "exit status 0", ""}), Names{"launch"});
  life.step(Started{kPid + 1});
  EXPECT_EQ(life.life().status().term, 2u);
}

TEST(WrapperLife, ALowerTermIsRefused) {
  Life life;
  life.step(OrderCame{order(5)});
  life.step(OrderCame{order(4)});
  EXPECT_EQ(life.life().order().term, 5u);
}

// Adopted with the term before, after the order with the higher one was stored.
TEST(WrapperLife, AnAdoptedOneOfALowerTermIsStopped) {
  WrapperLife life(order(2), true);
  const SteadyTime now{std::chrono::hours(1)};
  life.step(TimePassed{}, now);
  life.step(LockHeld{}, now);
  std::vector<std::string> names;
  for (const auto& effect : life.step(HelloCame{kPid, 1}, now)) names.push_back(name_of(effect));
  EXPECT_EQ(names, (Names{"report", "follow", "stop"}));
}

TEST(WrapperLife, NewNeighboursAreTold) {
  Life life;
  life.bring_up();
  EXPECT_EQ(life.step(OrderCame{order(1, "ipc://moved")}), (Names{"store", "neighbours"}));
  EXPECT_EQ(life.step(OrderCame{order(1, "ipc://moved")}), Names{});
}

TEST(WrapperLife, RatesAreOfTheProcessThatRuns) {
  Life life;
  life.bring_up();
  const auto figures = [&](uint64_t records, milliseconds later) {
    wire::InstanceStatus status = report();
    status.records_in = records;
    status.records_out = 2 * records;
    status.bytes_in = 10 * records;
    status.bytes_out = 30 * records;
    life.step(ReportCame{status}, later);
    return life.life().status();
  };
  EXPECT_EQ(figures(100, milliseconds(899)).records_in_per_second, 0u) << "too soon to tell";
  const auto first = figures(1000, milliseconds(101));
  EXPECT_EQ(first.records_in_per_second, 1000u);
  EXPECT_EQ(first.records_out_per_second, 2000u);
  EXPECT_EQ(first.bytes_in_per_second, 10'000u);
  EXPECT_EQ(first.bytes_out_per_second, 30'000u);
  EXPECT_EQ(figures(1500, milliseconds(500)).records_in_per_second, 1000u) << "as last measured";
  EXPECT_EQ(figures(2000, milliseconds(1500)).records_in_per_second, 500u);
  EXPECT_EQ(figures(2000, milliseconds(1000)).records_in_per_second, 0u);
  EXPECT_EQ(figures(3000, milliseconds(1000)).records_in_per_second, 1000u);
  life.step(Ended{kPid, std::nullopt, "signal 9", ""});
  EXPECT_EQ(life.life().status().records_in_per_second, 0u);
  EXPECT_EQ(life.life().status().records_in, 3000u);
}

TEST(WrapperLife, RestartsAreCountedOnOverAnAgentsRestart) {
  const SteadyTime now{std::chrono::hours(1)};
  WrapperLife adopted(order(), true, {3, false});
  adopted.step(TimePassed{}, now);
  adopted.step(LockHeld{}, now);
  adopted.step(HelloCame{kPid, 1}, now);
  EXPECT_EQ(adopted.status().restarts, 2u);
  WrapperLife started(order(), true, {3, false});
  started.step(TimePassed{}, now);
  started.step(Started{kPid}, now);
  EXPECT_EQ(started.status().restarts, 3u);
  // The agent before it had stopped all of it.
  WrapperLife stopped(order(), true, {3, true});
  EXPECT_EQ(stopped.status().restarts, 2u);
  stopped.step(TimePassed{}, now);
  stopped.step(Started{kPid}, now);
  EXPECT_EQ(stopped.status().restarts, 2u);
  stopped.step(Ended{kPid, std::nullopt, "signal 9", ""}, now);
  stopped.step(TimePassed{}, now);
  stopped.step(Started{kPid + 1}, now);
  EXPECT_EQ(stopped.status().restarts, 3u) << "but only once";
  stopped.step(StopCame{false}, now);
  std::vector<std::string> names;
  for (const auto& effect : stopped.step(Ended{kPid + 1, 0, "exit status 0", ""}, now)) {
    names.push_back(name_of(effect));
  }
  EXPECT_EQ(names, (Names{"starts", "report"}));
  EXPECT_TRUE(stopped.starts().as_told);
  // An agent that lost its count begins with the one that it sees.
  WrapperLife unknown(order(), true);
  unknown.step(TimePassed{}, now);
  unknown.step(LockHeld{}, now);
  unknown.step(HelloCame{kPid, 1}, now);
  EXPECT_EQ(unknown.status().restarts, 0u);
}

wire::StartOrder ending(uint64_t term = 1) {
  wire::StartOrder result = order(term);
  result.end = true;
  return result;
}

TEST(WrapperLife, R8ASourceIsToldToEndUntilItHasEnded) {
  Life life;
  life.bring_up();
  EXPECT_EQ(life.step(OrderCame{ending()}), Names{"store"});
  EXPECT_EQ(life.step(OrderStored{}), Names{"end"}) << "not before it is on disk";
  EXPECT_EQ(life.pass(kRetryDelay - milliseconds(1)), Names{});
  EXPECT_EQ(life.pass(milliseconds(1)), Names{"end"});
  EXPECT_EQ(life.step(OrderCame{ending()}), Names{});
  wire::InstanceStatus ended = report();
  ended.state = InstanceState::kEnded;
  life.step(ReportCame{ended});
  EXPECT_EQ(life.pass(kRetryDelay * 2), Names{});
  EXPECT_FALSE(life.life().deadline());
  // Its successor knows it from the order, and is told until it says so.
  EXPECT_EQ(life.step(Ended{kPid, std::nullopt, "signal 9", ""}), Names{"launch"});
  life.step(Started{kPid + 1});
  EXPECT_EQ(life.step(HelloCame{kPid + 1, 1}), (Names{"neighbours", "end"}));
}

TEST(WrapperLife, R8AnAdoptedSourceIsToldToEnd) {
  WrapperLife life(ending(), true);
  const SteadyTime now{std::chrono::hours(1)};
  life.step(TimePassed{}, now);
  life.step(LockHeld{}, now);
  std::vector<std::string> names;
  for (const auto& effect : life.step(HelloCame{kPid, 1}, now)) names.push_back(name_of(effect));
  EXPECT_EQ(names, (Names{"report", "follow", "neighbours", "end"}));
}

TEST(WrapperLife, AStopGoesBeforeAnEnd) {
  Life life;
  life.bring_up();
  life.step(OrderCame{ending()});
  life.step(OrderStored{});
  EXPECT_EQ(life.step(StopCame{}), Names{"stop"});
  EXPECT_EQ(life.pass(kRetryDelay), Names{"stop"});
}

TEST(WrapperLife, ANodeWithInputsEndsByItself) {
  wire::StartOrder inner = ending();
  inner.writers = {"a.0"};
  WrapperLife life(inner, true);
  const SteadyTime now{std::chrono::hours(1)};
  life.step(TimePassed{}, now);
  life.step(Started{kPid}, now);
  for (const auto& effect : life.step(HelloCame{kPid, 1}, now)) {
    EXPECT_NE(name_of(effect), "end");
  }
}

TEST(WrapperLife, FiguresOutliveTheProcessButNotItsState) {
  Life life;
  life.bring_up();
  wire::InstanceStatus last = report();
  last.records_in = 17;
  last.ended_and_settled = true;
  last.settled_position = {5, "a token"};
  last.settled_record = {1, 1, 5};
  last.action_pid = 9;
  life.step(ReportCame{last});
  life.step(Ended{kPid, std::nullopt, "signal 9 (Killed)", ""});
  const auto status = life.life().status();
  EXPECT_EQ(status.records_in, 17u);
  EXPECT_EQ(status.endpoint, "ipc://n");
  EXPECT_EQ(status.pid, 0);
  EXPECT_EQ(status.action_pid, 0);
  EXPECT_FALSE(status.ended_and_settled);
  EXPECT_TRUE(status.settled_position.none()) << "it may be of another log";
  EXPECT_EQ(status.state, InstanceState::kStarting);
  EXPECT_EQ(status.last_error, "the wrapper ended: signal 9 (Killed)");
}

// The wrapper is gone by then, and only the broker can do something about it.
TEST(WrapperLife, R10WhatFencedItOutIsReportedOn) {
  Life life;
  life.bring_up();
  wire::InstanceStatus last = report();
  last.fenced_by = 7;
  life.step(ReportCame{last});
  life.step(Ended{kPid, 70, "exit status 70", "fenced out"});
  EXPECT_EQ(life.life().status().fenced_by, 7u);
  EXPECT_EQ(life.life().status().state, InstanceState::kFailed);
}

TEST(WrapperLife, AnEndpointThatChangedIsReportedAtOnce) {
  WrapperLife life(order(), true);
  const SteadyTime now{std::chrono::hours(1)};
  life.step(TimePassed{}, now);
  life.step(Started{kPid}, now);
  life.step(ReportCame{report()}, now);
  EXPECT_TRUE(life.step(ReportCame{report()}, now).empty());
  wire::InstanceStatus moved = report();
  moved.remote_endpoint = "tcp://10.0.0.5:4711";
  const auto effects = life.step(ReportCame{moved}, now);
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(name_of(effects[0]), "report");
}

wire::StartOrder uploaded_order() {
  wire::StartOrder result = order();
  result.uploaded = wire::ActionRef{"action", 1, std::string(64, 'a'), 10};
  return result;
}

TEST(WrapperLife, IsNotStartedBeforeItsActionIsHere) {
  const SteadyTime now{std::chrono::hours(1)};
  WrapperLife life(uploaded_order(), true);
  EXPECT_TRUE(life.awaits_content());
  EXPECT_FALSE(life.deadline());
  EXPECT_TRUE(life.step(TimePassed{}, now).empty());
  EXPECT_TRUE(life.step(ContentCame{false, "waits for action x"}, now).empty());
  EXPECT_EQ(life.status().last_error, "waits for action x");
  const auto effects = life.step(ContentCame{true, ""}, now);
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(name_of(effects[0]), "launch");
  EXPECT_EQ(life.status().last_error, "");
}

// ---- Every event in every state ------------------------------------------------------------

const std::vector<LifeEvent>& all_events() {
  static const std::vector<LifeEvent> kEvents{OrderCame{order()},
                                              OrderCame{order(2)},
                                              OrderCame{order(1, "ipc://x")},
                                              StopCame{true},
                                              StopCame{false},
                                              OrderStored{},
                                              OrderRemoved{},
                                              DiskFailed{"disk"},
                                              Started{kPid},
                                              LockHeld{},
                                              LockFree{},
                                              StartFailed{"start"},
                                              HelloCame{kPid, 1},
                                              HelloCame{kPid + 1, 2},
                                              ReportCame{report()},
                                              Ended{kPid, 0, "e", ""},
                                              Ended{kPid, 64, "e", ""},
                                              Ended{kPid, std::nullopt, "e", ""},
                                              Ended{kPid + 5, 0, "e", ""},
                                              TimePassed{},
                                              OrderCame{ending()},
                                              ContentCame{true, ""},
                                              ContentCame{false, "waits"},
                                              OrderCame{uploaded_order()}};
  return kEvents;
}

// What must hold after every step, whatever came.
void check_step(const WrapperLife& before, const WrapperLife& after,
                const std::vector<LifeEffect>& effects, const std::string& where) {
  int launches = 0;
  for (const LifeEffect& effect : effects) {
    if (std::holds_alternative<Launch>(effect)) {
      ++launches;
      EXPECT_EQ(after.wanted(), Wanted::kRun) << where;
      EXPECT_EQ(after.state(), LifeState::kLaunching) << where;
      // Only a copy of its action that is here is run.
      EXPECT_FALSE(after.order().uploaded && !after.content_is_here()) << where;
      // Never a second process beside one that is known.
      EXPECT_EQ(after.pid(), 0) << where;
    }
    if (std::holds_alternative<RemoveOrder>(effect)) {
      EXPECT_EQ(after.wanted(), Wanted::kForget) << where;
      EXPECT_FALSE(after.has_process()) << where;
    }
    EXPECT_TRUE(!std::holds_alternative<SignalProcess>(effect) || after.pid() != 0) << where;
  }
  EXPECT_LE(launches, 1) << where;
  EXPECT_EQ(after.pid() != 0, after.state() == LifeState::kFollowing) << where;
  EXPECT_GE(after.order().term, before.order().term) << where;
  if (before.state() == LifeState::kGone) {
    EXPECT_EQ(after.state(), LifeState::kGone) << where;
    EXPECT_TRUE(effects.empty()) << where;
  }
  EXPECT_EQ(after.status().pipeline, "p") << where;
}

// Walks from fresh lives over all events, to a depth; states that look alike are walked once.
TEST(WrapperLife, EveryEventInEveryState) {
  struct Place {
    WrapperLife life;
    SteadyTime now;
  };
  const auto looks = [](const Place& place) {
    const auto& life = place.life;
    const auto deadline = life.deadline();
    return std::string(to_string(life.state())) + std::to_string(static_cast<int>(life.wanted())) +
           std::to_string(life.pid()) + "/" + std::to_string(life.order().term) +
           life.order().readers[0].endpoint + life.status().last_error +
           std::to_string(static_cast<int>(life.status().state)) +
           (life.order().uploaded ? (life.content_is_here() ? "here" : "not here") : "") +
           (deadline ? (*deadline <= place.now ? "due" : "later") : "never");
  };
  const SteadyTime start{std::chrono::hours(1)};
  std::vector<Place> places{{WrapperLife(order(), true), start},
                            {WrapperLife(order(), false), start}};
  std::set<std::string> seen;
  std::set<std::pair<LifeState, size_t>> walked;
  for (size_t next = 0; next < places.size(); ++next) {
    for (size_t event = 0; event < all_events().size(); ++event) {
      for (const milliseconds later : {milliseconds(0), milliseconds(15'000)}) {
        Place place = places[next];
        place.now += later;
        const std::string where = looks(places[next]) + " event " + std::to_string(event);
        const auto effects = place.life.step(all_events()[event], place.now);
        check_step(places[next].life, place.life, effects, where);
        walked.insert({places[next].life.state(), event});
        if (seen.insert(looks(place)).second) places.push_back(std::move(place));
      }
    }
  }
  EXPECT_EQ(walked.size(), 6 * all_events().size());
}

}  // namespace
}  // namespace weir::agent
