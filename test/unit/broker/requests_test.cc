// Actions, removal, ends, events, and what is passed on to agents.
#include <gtest/gtest.h>

#include <algorithm>

#include "test/unit/broker/world.h"

namespace weir::broker {
namespace {

using wire::InstanceState;
using wire::PipelineState;

std::string hash(char digit) { return std::string(wire::kSha256HexBytes, digit); }

graph::NodeSpec action_node(const std::string& name, const std::string& action) {
  graph::NodeSpec spec = node(name);
  spec.run.clear();
  spec.action = action;
  return spec;
}

wire::ActionRef stored(const wire::Message& message) {
  const auto* answer = std::get_if<wire::ActionStored>(&message);
  EXPECT_NE(answer, nullptr);
  return answer == nullptr ? wire::ActionRef{} : answer->action;
}

void complete(World& world) {
  for (auto& [name, agent] : world.agents) {
    for (auto& [key, status] : agent.runs) status.ended_and_settled = true;
  }
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kCompleted);
}

TEST(Actions, VersionsCountAndTheSameContentIsNoNewOne) {
  World world;
  EXPECT_EQ(stored(world.ask(wire::ActionPut{"x", hash('a'), 10})).version, 1u);
  EXPECT_EQ(stored(world.ask(wire::ActionPut{"x", hash('a'), 10})).version, 1u);
  EXPECT_EQ(stored(world.ask(wire::ActionPut{"x", hash('b'), 11}, "id-1")).version, 2u);
  EXPECT_EQ(stored(world.ask(wire::ActionPut{"x", hash('a'), 10})).version, 3u);
  // A request that is repeated is answered as it was, whatever came between.
  EXPECT_EQ(stored(world.ask(wire::ActionPut{"x", hash('b'), 11}, "id-1")).version, 2u);
  world.restart_broker();
  EXPECT_EQ(stored(world.ask(wire::ActionPut{"x", hash('b'), 11}, "id-1")).version, 2u);
  EXPECT_EQ(stored(world.ask(wire::ActionFind{"x", 0})), (wire::ActionRef{"x", 3, hash('a'), 10}));
  EXPECT_EQ(stored(world.ask(wire::ActionFind{"x", 2})).sha256, hash('b'));
  EXPECT_EQ(world.refused(wire::ActionFind{"x", 4}), ErrorCode::kNotFound);
  EXPECT_EQ(world.refused(wire::ActionFind{"y", 0}), ErrorCode::kNotFound);
  const auto list = std::get<wire::ActionListIs>(world.ask(wire::ActionList{}));
  ASSERT_EQ(list.versions.size(), 3u);
  EXPECT_EQ(list.versions[0].action.version, 3u);
}

TEST(Actions, AVersionNumberIsNeverGivenTwice) {
  World world;
  (void)world.ask(wire::ActionPut{"x", hash('a'), 10});
  (void)world.ask(wire::ActionPut{"x", hash('b'), 10});
  EXPECT_TRUE(world.ok(wire::ActionRemove{"x", 0}));
  EXPECT_TRUE(world.core().contents_in_use().empty());
  EXPECT_EQ(world.refused(wire::ActionRemove{"x", 0}), ErrorCode::kNotFound);
  world.restart_broker();
  EXPECT_EQ(stored(world.ask(wire::ActionPut{"x", hash('c'), 10})).version, 3u);
  world.restart_broker();
  EXPECT_EQ(stored(world.ask(wire::ActionFind{"x", 0})).version, 3u);
  EXPECT_EQ(world.core().contents_in_use(), (std::set<std::string>{hash('c')}));
}

TEST(Actions, ARunningPipelineKeepsItsVersion) {
  World world;
  world.hear("alpha");
  EXPECT_TRUE(world.ok(wire::PipelinePut{chain({action_node("a", "x")})}));
  EXPECT_EQ(world.refused(wire::PipelineRun{"p", {}, {}}), ErrorCode::kNotFound);
  (void)world.ask(wire::ActionPut{"x", hash('a'), 10});
  EXPECT_TRUE(world.ok(wire::PipelineRun{"p", {}, {}}));
  world.settle();
  (void)world.ask(wire::ActionPut{"x", hash('b'), 11});
  world.restart_broker();
  world.settle();
  const auto& order = world.agents["alpha"].last_start.at(0);
  EXPECT_EQ(order.uploaded, (wire::ActionRef{"x", 1, hash('a'), 10}));
  EXPECT_EQ(world.refused(wire::ActionRemove{"x", 1}), ErrorCode::kConflict);
  EXPECT_EQ(world.refused(wire::ActionRemove{"x", 0}), ErrorCode::kConflict);
  const auto list = std::get<wire::ActionListIs>(world.ask(wire::ActionList{}));
  EXPECT_TRUE(list.versions.at(0).used_by.empty());
  EXPECT_EQ(list.versions.at(1).used_by, std::vector<std::string>{"p"});
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p"}));
  world.settle();
  EXPECT_TRUE(world.ok(wire::PipelineRun{"p", {}, {}}));
  world.settle();
  EXPECT_EQ(world.agents["alpha"].last_start.at(0).uploaded->version, 2u);
  EXPECT_TRUE(world.ok(wire::ActionRemove{"x", 1}));
  EXPECT_EQ(world.core().contents_in_use(), (std::set<std::string>{hash('b')}));
}

TEST(Actions, TheLastVersionOfANamedActionStays) {
  World world;
  (void)world.ask(wire::ActionPut{"x", hash('a'), 10});
  EXPECT_TRUE(world.ok(wire::PipelinePut{chain({action_node("a", "x")})}));
  EXPECT_EQ(world.refused(wire::ActionRemove{"x", 1}), ErrorCode::kConflict);
  EXPECT_TRUE(world.ok(wire::PipelineRemove{"p"}));
  EXPECT_TRUE(world.ok(wire::ActionRemove{"x", 1}));
}

TEST(Removal, OfAPipelineThatWasNeverRunIsDoneAtOnce) {
  World world;
  EXPECT_TRUE(world.ok(wire::PipelinePut{chain({node("a")})}));
  EXPECT_TRUE(world.ok(wire::PipelineRemove{"p"}, "id-1"));
  EXPECT_EQ(world.refused(wire::PipelineStatusRequest{"p"}), ErrorCode::kNotFound);
  EXPECT_TRUE(world.ok(wire::PipelineRemove{"p"}, "id-1")) << "the same request again";
  EXPECT_EQ(world.refused(wire::PipelineRemove{"p"}, "id-2"), ErrorCode::kNotFound);
  EXPECT_TRUE(world.ok(wire::PipelinePut{chain({node("other")})}));
}

TEST(Removal, NothingThatMayBeNeededIsDiscardedUnasked) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a"), node("b")}));
  world.settle();
  EXPECT_EQ(world.refused(wire::PipelineRemove{"p", true}), ErrorCode::kConflict) << "it runs";
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p"}));
  world.settle();
  EXPECT_EQ(world.refused(wire::PipelineRemove{"p"}), ErrorCode::kConflict) << "not completed";
  EXPECT_TRUE(world.ok(wire::PipelineRun{"p", {}, {}}));
  world.settle();
  world.instance("alpha", "a").dead_letters = 1;
  world.settle();
  complete(world);
  EXPECT_EQ(world.refused(wire::PipelineRemove{"p"}), ErrorCode::kConflict) << "dead letters";
  EXPECT_TRUE(world.ok(wire::PipelineRemove{"p", true}));
}

TEST(Removal, WaitsForAllAgentsAndThenTermsGoOn) {
  World world;
  world.hear("alpha");
  world.hear("beta");
  world.run(chain({node("a", {"alpha"}), node("b", {"beta"})}));
  world.settle();
  complete(world);
  world.agents["beta"].removing = {{"p", "b", 0}};
  EXPECT_TRUE(world.ok(wire::PipelineRemove{"p"}));
  EXPECT_EQ(world.refused(wire::PipelinePut{chain({node("a")})}), ErrorCode::kConflict);
  EXPECT_EQ(world.refused(wire::PipelineRun{"p", {}, {}}), ErrorCode::kConflict);
  world.settle();
  world.restart_broker();
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kStopping) << "beta still has something of it";
  EXPECT_EQ(world.agents["beta"].last_remove, (std::vector<wire::InstanceKey>{{"p", "b", 0}}));
  world.agents["beta"].removing.clear();
  world.settle();
  EXPECT_EQ(world.refused(wire::PipelineStatusRequest{"p"}), ErrorCode::kNotFound);
  EXPECT_EQ(world.events().back(), "pipeline.removed");
  world.run(chain({node("a"), node("b")}));
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kRunning);
  EXPECT_EQ(world.core_state().placement({"p", "a", 0})->term, 2u);
  EXPECT_EQ(world.status().nodes[0].instances[0].status.dead_letters, 0u);
}

TEST(Removal, OfAStoppedPipelineSaysMoreThanTheStop) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a")}));
  world.settle();
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p"}));
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kStopped);
  EXPECT_TRUE(world.ok(wire::PipelineRemove{"p", true}));
  EXPECT_EQ(world.state(), PipelineState::kStopping) << "the agent was not told of it yet";
  world.settle();
  EXPECT_EQ(world.refused(wire::PipelineStatusRequest{"p"}), ErrorCode::kNotFound);
}

TEST(Running, WhatServersCannotDoYetIsRefused) {
  World world;
  graph::PipelineSpec spec = chain({node("a")});
  spec.nodes[0].allow = {"10.0.0.0/8"};
  EXPECT_TRUE(world.ok(wire::PipelinePut{spec}));
  EXPECT_EQ(world.refused(wire::PipelineRun{"p", {}, {}}), ErrorCode::kInvalid);
  const wire::ReaderOrder weirctl{"weirctl.0", "ipc://w"};
  EXPECT_TRUE(world.ok(wire::PipelineRun{"p", weirctl, {}})) << "`up` promises no isolation";
}

TEST(Ending, SourcesAreToldToEnd) {
  World world;
  world.hear("alpha");
  EXPECT_TRUE(world.ok(wire::PipelinePut{chain({node("a"), node("b")})}));
  EXPECT_EQ(world.refused(wire::PipelineStop{"p", true}), ErrorCode::kConflict);
  EXPECT_TRUE(world.ok(wire::PipelineRun{"p", {}, {}}));
  world.settle();
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p", true}));
  world.restart_broker();
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kRunning);
  for (const wire::StartOrder& order : world.agents["alpha"].last_start) {
    EXPECT_EQ(order.end, order.node.name == "a");
  }
  complete(world);
}

TEST(Hosts, WritersReachReadersOnOtherAgentsByTheirAddress) {
  World world;
  world.agents["alpha"].address = "10.0.0.1";
  world.agents["beta"].address = "10.0.0.2";
  world.settle();
  world.run(chain({node("a", {"alpha"}), node("b", {"beta"}), node("c", {"beta"})}));
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kRunning);
  EXPECT_EQ(world.agents["alpha"].last_start.at(0).readers.at(0).endpoint, "tcp://10.0.0.2/b");
  const auto& start = world.agents["beta"].last_start;
  const auto order = std::find_if(start.begin(), start.end(),
                                  [](const auto& one) { return one.node.name == "b"; });
  ASSERT_NE(order, start.end());
  EXPECT_EQ(order->readers.at(0).endpoint, "ipc://c");
}

TEST(Hosts, AnAgentWithoutAddressIsNamed) {
  World world;
  world.agents["alpha"].address = "10.0.0.1";
  world.hear("beta");
  world.settle();
  world.run(chain({node("a", {"alpha"}), node("b", {"beta"})}));
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kStarting);
  EXPECT_NE(world.status().reason.find("start that agent with --address"), std::string::npos)
      << world.status().reason;
}

TEST(Logs, AreReadThroughTheBroker) {
  World world;
  world.hear("alpha");
  const wire::LogRead read{{"p", "a", 0}, wire::LogKind::kStderr, 0, 0, 100};
  EXPECT_EQ(world.refused(read, "r-1"), ErrorCode::kNotFound);
  EXPECT_TRUE(world.ok(wire::PipelinePut{chain({node("a")})}));
  EXPECT_EQ(world.refused(read, "r-1"), ErrorCode::kUnavailable) << "not placed";
  EXPECT_EQ(world.refused(wire::LogRead{{"p", "b", 0}, {}, 0, 0, 0}, "r"), ErrorCode::kNotFound);
  EXPECT_TRUE(world.ok(wire::PipelineRun{"p", {}, {}}));
  world.settle();
  world.pass(read, "r-1");
  auto& asked = world.agents["alpha"].asked;
  ASSERT_EQ(asked.size(), 1u);
  const wire::LogData data{7, 5, wire::Bytes{"oops\n"}, true, false};
  world.say("alpha", {asked[0].request, data});
  EXPECT_EQ(std::get<wire::LogData>(world.last_answer()), data);
  world.pass(read, "r-2");
  world.say("alpha", {asked[1].request, wire::Refusal{ErrorCode::kIo, "cannot be read"}});
  EXPECT_EQ(std::get<wire::Refusal>(world.last_answer()).code, ErrorCode::kIo);
  world.tick(kAgentSilence);
  EXPECT_EQ(world.refused(read, "r-3"), ErrorCode::kUnavailable) << "silent";
  EXPECT_EQ(world.refused(read, std::string(wire::kRequestIdBytesMax, 'r')),
            ErrorCode::kUnavailable);
}

TEST(DeadLetters, QuestionsArePassedOnAndWhatIsLeftIsKept) {
  World world;
  world.hear("alpha");
  const wire::InstanceKey a{"p", "a", 0};
  const wire::DeadRead read{a, "", 0, 0, 100};
  EXPECT_EQ(world.refused(read, "r-1"), ErrorCode::kNotFound);
  world.run(chain({node("a")}));
  world.settle();
  world.instance("alpha", "a").dead_letters = 3;
  world.instance("alpha", "a").ended_and_settled = true;
  world.settle();
  world.tick(kEndGrace);
  world.settle();
  ASSERT_EQ(world.state(), PipelineState::kCompleted);
  EXPECT_EQ(world.refused(wire::PipelineRemove{"p", false}), ErrorCode::kConflict);
  auto& asked = world.agents["alpha"].asked;
  world.pass(read, "r-1");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(std::get<wire::DeadRead>(asked[0].message).instance, a);
  EXPECT_EQ(std::get<wire::DeadRead>(asked[0].message).log_term, 1u);
  world.say("alpha", {asked[0].request, wire::DeadData{}});
  EXPECT_TRUE(std::holds_alternative<wire::DeadData>(world.last_answer()));
  world.pass(wire::DeadChange{a, wire::DeadAction::kDrop, {}}, "r-2");
  ASSERT_EQ(asked.size(), 2u);
  const wire::DeadChanged changed{a, 3, 0};
  world.say("alpha", {asked[1].request, changed});
  EXPECT_EQ(std::get<wire::DeadChanged>(world.last_answer()), changed);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(world.status().nodes[0].instances[0].status.dead_letters, 0u) << "nobody reports it";
    world.restart_broker();
    world.settle();
  }
  EXPECT_TRUE(world.ok(wire::PipelineRemove{"p", false}));
}

TEST(Events, ToldOnceAndKept) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a")}));
  world.settle();
  world.pass(2 * kAgentSilence, {"alpha"});
  auto& a = world.instance("alpha", "a");
  a.restarts = 1;
  a.last_error = "signal 9 (Killed)";
  a.state = InstanceState::kStarting;
  world.settle();
  a.state = InstanceState::kRunning;
  a.notes = {{1, 1, "its log was trimmed"}};
  world.settle();
  const std::vector<std::string> expected{
      "pipeline.stored",   "pipeline.run", "pipeline.running", "node.restarted",
      "pipeline.degraded", "node.note",    "pipeline.running"};
  EXPECT_EQ(world.events(), expected);
  world.restart_broker();
  world.settle();
  EXPECT_EQ(world.events(), expected) << "a broker's restart is no news";
  const auto all = std::get<wire::Events>(world.ask(wire::EventsRequest{0})).events;
  const auto after = std::get<wire::Events>(world.ask(wire::EventsRequest{all[1].number})).events;
  EXPECT_EQ(after.size(), all.size() - 2);
  EXPECT_EQ(after.at(0), all.at(2));
}

std::vector<std::string> texts_of(World& world, const std::string& kind) {
  std::vector<std::string> texts;
  const auto all = std::get<wire::Events>(world.ask(wire::EventsRequest{0})).events;
  for (const wire::Event& event : all) {
    if (event.kind == kind) texts.push_back(event.text);
  }
  return texts;
}

// Notes come one after the other, however many there were, and the wrapper is told which were
// taken.
TEST(Events, EachNoteIsOneAndIsTaken) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a")}));
  world.settle();
  std::vector<std::string> expected;
  for (uint64_t number = 1; number <= 100; ++number) {
    auto& a = world.instance("alpha", "a");
    EXPECT_TRUE(a.notes.empty()) << "the last one was taken";
    a.notes = {{number, 1, "note " + std::to_string(number)}};
    expected.push_back(a.notes[0].text);
    world.settle();
  }
  EXPECT_EQ(texts_of(world, "node.note"), expected);
  const auto& kept = world.status().nodes[0].instances[0].status.notes;
  ASSERT_EQ(kept.size(), kNotesKept);
  EXPECT_EQ(kept.back().text, "note 100");
}

TEST(Events, OfANoteThatIsToldAgainSayHowOften) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a")}));
  world.settle();
  auto& a = world.instance("alpha", "a");
  a.notes = {{1, 1, "trimmed"}, {2, 1, "other"}};
  world.settle();
  a.notes = {{2, 1, "other"}, {3, 19, "trimmed"}};  // The agent was told late what was taken.
  world.settle();
  EXPECT_EQ(texts_of(world, "node.note"),
            (std::vector<std::string>{"trimmed", "other", "trimmed (19 times)"}));
  EXPECT_EQ(world.status().nodes[0].instances[0].status.notes,
            (std::vector<wire::Note>{{2, 1, "other"}, {3, 19, "trimmed"}}));
  // Another process counts anew; what was said stays said.
  a.boot += 1;
  a.notes = {{1, 2, "trimmed"}};
  world.settle();
  EXPECT_EQ(texts_of(world, "node.note").back(), "trimmed (2 times)");
  EXPECT_EQ(world.status().nodes[0].instances[0].status.notes.back(),
            (wire::Note{1, 21, "trimmed"}));
}

TEST(Events, TellOfEachDeadLetter) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a")}));
  world.settle();
  auto& a = world.instance("alpha", "a");
  a.dead_letters = 1;
  world.settle();
  a.dead_letters = 4;
  world.settle();
  world.settle();
  EXPECT_EQ(
      texts_of(world, "node.dead_letters"),
      (std::vector<std::string>{"1 dead letter more, 1 in all", "3 dead letters more, 4 in all"}));
}

TEST(Events, OnlyTheLastAreKept) {
  EventLog book;
  std::vector<StoreWrite> writes;
  for (size_t i = 0; i < kEventsKept + 10; ++i) book.add({0, i, "k", "", "", "", ""}, writes);
  EXPECT_EQ(book.after(0).size(), wire::kEventsPerAnswer);
  EXPECT_EQ(book.after(0).front().number, 11u);
  EXPECT_EQ(std::count_if(writes.begin(), writes.end(), [](const auto& w) { return !w.value; }),
            10);
}

}  // namespace
}  // namespace weir::broker
