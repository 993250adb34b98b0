#include "broker/core/broker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "broker/core/status.h"
#include "test/unit/broker/world.h"

namespace weir::broker {
namespace {

using std::chrono::milliseconds;
using wire::InstanceState;
using wire::PipelineState;

TEST(Broker, StartsFromSinksToSourcesAndStopsTheOtherWay) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a"), node("b"), node("c")}));
  EXPECT_EQ(world.state(), PipelineState::kStarting);
  world.settle();
  EXPECT_EQ(world.started, (std::vector<std::string>{"c", "b", "a"}));
  EXPECT_EQ(world.state(), PipelineState::kRunning);
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p"}));
  EXPECT_EQ(world.state(), PipelineState::kStopping);
  world.settle();
  EXPECT_EQ(world.stopped, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(world.state(), PipelineState::kStopped);
}

TEST(Broker, AnOrderHasNeighboursAndOptions) {
  World world;
  world.hear("alpha");
  graph::PipelineSpec spec = chain({node("in"), node("b"), node("c")});
  spec.nodes[0] = graph::NodeSpec{};
  spec.nodes[0].name = "-";
  spec.nodes[0].caller_stdin = true;
  EXPECT_TRUE(world.ok(wire::PipelinePut{spec}));
  EXPECT_TRUE(world.ok(
      wire::PipelineRun{"p", wire::ReaderOrder{"weirctl.0", "ipc://w"}, {true, 1 << 20, "/home"}}));
  world.settle();
  const auto& orders = world.agents["alpha"].last_start;
  ASSERT_EQ(orders.size(), 3u);
  EXPECT_EQ(orders[0].node, spec.nodes[0]);
  EXPECT_EQ(orders[0].writers, std::vector<std::string>{"weirctl.0"});
  EXPECT_EQ(orders[0].readers, (std::vector<wire::ReaderOrder>{{"b.0", "ipc://b"}}));
  EXPECT_EQ(orders[1].writers, std::vector<std::string>{"-.0"});
  EXPECT_FALSE(orders[1].sink);
  EXPECT_TRUE(orders[2].sink);
  EXPECT_EQ(orders[2].readers, (std::vector<wire::ReaderOrder>{{"weirctl.0", "ipc://w"}}));
  for (const auto& order : orders) {
    EXPECT_EQ(order.term, 1u);
    EXPECT_TRUE(order.trim_at_taken);
    EXPECT_EQ(order.log_limit_bytes, 1u << 20);
    EXPECT_EQ(order.working_dir, "/home");
  }
}

TEST(Broker, ANewEndpointReachesTheWriter) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a"), node("b")}));
  world.settle();
  world.instance("alpha", "b").endpoint = "ipc://moved";
  world.settle();
  EXPECT_EQ(world.agents["alpha"].last_start.at(0).readers.at(0).endpoint, "ipc://moved");
  // So does a new weirctl's, by running what runs.
  EXPECT_TRUE(world.ok(wire::PipelineRun{"p", wire::ReaderOrder{"weirctl.0", "ipc://w2"}, {}}));
  EXPECT_EQ(world.agents["alpha"].last_start.at(1).readers.at(0).endpoint, "ipc://w2");
  EXPECT_EQ(world.started.size(), 2u);
}

TEST(Broker, OrdersAreSentOnlyWhenTheyChangeOrWereNotObeyed) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a")}));
  world.settle();
  const int before = world.agents["alpha"].orders_seen;
  world.settle();
  EXPECT_EQ(world.agents["alpha"].orders_seen, before);
  world.agents["alpha"].version = 0;  // As if the last ones were lost.
  world.hear("alpha");
  EXPECT_EQ(world.agents["alpha"].orders_seen, before + 1);
}

struct PlacementCase {
  const char* what;
  std::vector<std::string> hosts;
  std::vector<std::string> agents;
  std::string expected;  // Empty: waits.
};

TEST(Broker, PlacesNodesOnTheirHostsAndElseOnAnyAgent) {
  const std::vector<PlacementCase> cases{
      {"any agent", {}, {"alpha"}, "alpha"},
      {"the first by name", {}, {"beta", "alpha"}, "alpha"},
      {"nobody is there", {}, {}, ""},
      {"first host", {"beta", "alpha"}, {"alpha", "beta"}, "beta"},
      {"second host", {"beta", "alpha"}, {"alpha", "gamma"}, "alpha"},
      {"no host is there", {"beta"}, {"alpha"}, ""},
  };
  for (const PlacementCase& one : cases) {
    World world;
    for (const std::string& agent : one.agents) world.hear(agent);
    world.run(chain({node("a", one.hosts)}));
    world.settle();
    const auto status = world.status();
    EXPECT_EQ(status.nodes.at(0).instances.at(0).agent, one.expected) << one.what;
    if (!one.expected.empty()) continue;
    EXPECT_EQ(status.state, PipelineState::kStarting) << one.what;
    EXPECT_NE(status.reason.find("waits for"), std::string::npos) << status.reason;
  }
}

TEST(Broker, SpreadsNodesOverAgents) {
  World world;
  for (const char* name : {"alpha", "beta", "gamma"}) world.hear(name);
  world.run(chain({node("a"), node("b"), node("c"), node("d"), node("e"), node("f")}));
  world.settle();
  for (const auto& [name, agent] : world.agents) EXPECT_EQ(agent.runs.size(), 2u) << name;
}

TEST(Broker, PlacementsStay) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a", {"beta", "alpha"})}));
  world.settle();
  world.hear("beta");  // The first host came late: nothing moves.
  world.settle();
  world.restart_broker();
  world.settle();
  EXPECT_EQ(world.status().nodes.at(0).instances.at(0).agent, "alpha");
  EXPECT_EQ(world.status().nodes.at(0).instances.at(0).status.term, 1u);
  EXPECT_EQ(world.started.size(), 1u);
}

TEST(Broker, RunAfterStopKeepsPlaceAndTerm) {
  World world;
  world.hear("alpha");
  const auto spec = chain({node("a"), node("b")});
  world.run(spec);
  world.settle();
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p"}));
  world.settle();
  world.run(spec);
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kRunning);
  EXPECT_EQ(world.instance("alpha", "a").term, 1u);
}

TEST(Broker, AHigherTermIsAdoptedPlusOne) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a"), node("b")}));
  world.settle();
  world.instance("alpha", "a").term = 41;
  world.settle();
  EXPECT_EQ(world.instance("alpha", "a").term, 42u);
  EXPECT_EQ(world.instance("alpha", "b").term, 1u);
  world.restart_broker();
  world.settle();
  EXPECT_EQ(world.instance("alpha", "a").term, 42u);
}

// One more than the highest number would be 0, or an order that nobody takes.
TEST(Broker, ATermThatNoBrokerGivesIsNotAdopted) {
  World world;
  world.hear("alpha");
  world.agents["liar"].runs = {};
  world.run(chain({node("a", {"alpha"})}));
  world.settle();
  world.agents["liar"].runs = world.agents["alpha"].runs;
  world.agents["liar"].runs.begin()->second.term = UINT64_MAX - 1;
  world.settle();
  EXPECT_EQ(world.instance("alpha", "a").term, 1u);
  EXPECT_EQ(world.state(), PipelineState::kRunning);
}

TEST(Broker, WhoeverIsFoundRunningKeepsItsPlace) {
  World world;
  world.hear("alpha");
  world.hear("beta");
  const auto spec = chain({node("a", {"beta"}), node("b")});
  world.run(spec);
  world.settle();
  world.lose_memory();
  // Without a pipeline of that name nothing is touched.
  world.settle();
  EXPECT_TRUE(world.stopped.empty());
  EXPECT_TRUE(world.ok(wire::PipelinePut{spec}));
  world.settle();
  EXPECT_TRUE(world.stopped.empty());
  world.run(spec);
  world.settle();
  EXPECT_TRUE(world.stopped.empty());
  EXPECT_EQ(world.instance("beta", "a").term, 2u);
  EXPECT_EQ(world.instance("alpha", "b").term, 2u);
  EXPECT_EQ(world.state(), PipelineState::kRunning);
}

// a on alpha, b on beta, placed by a broker whose store is then one from before that.
class ForgottenTest : public ::testing::Test {
 protected:
  ForgottenTest() {
    for (const char* name : {"alpha", "beta"}) {
      world_.agents[name].identity = name;
      world_.hear(name);
    }
    EXPECT_TRUE(world_.ok(
        wire::PipelinePut{chain({node("a", {"alpha", "beta"}), node("b", {"beta", "alpha"})})}));
    world_.keep_copy();
    run();
    world_.settle();
    EXPECT_EQ(world_.state(), PipelineState::kRunning);
    world_.restore_copy();
  }

  void run() { EXPECT_TRUE(world_.ok(wire::PipelineRun{"p", {}, {}})); }
  std::string place_of(const std::string& name) {
    const Placement* placed = world_.core_state().placement({"p", name, 0, 0});
    return placed == nullptr ? "" : placed->agent + " in term " + std::to_string(placed->term);
  }

  World world_;
};

TEST_F(ForgottenTest, R5WhatAKnownAgentMayHaveWaitsForItsWord) {
  world_.hear("beta");
  run();
  world_.pass(milliseconds(2000), {"beta"});
  EXPECT_EQ(place_of("a"), "");
  EXPECT_EQ(place_of("b"), "beta in term 2") << "it is there";
  EXPECT_EQ(world_.state(), PipelineState::kStarting);
  EXPECT_EQ(world_.status().reason, "a: waits for agent alpha, which may have it already");
  world_.pass(milliseconds(1000), {"alpha", "beta"});
  EXPECT_EQ(place_of("a"), "alpha in term 2");
  EXPECT_EQ(world_.state(), PipelineState::kRunning);
  EXPECT_TRUE(world_.stopped.empty());
}

TEST_F(ForgottenTest, NobodyWaitsForAnAgentForEver) {
  world_.hear("beta");
  run();
  world_.pass(kSilenceAtStart + milliseconds(250), {"beta"});
  EXPECT_EQ(place_of("a"), "beta in term 1");
}

TEST_F(ForgottenTest, R5ASourceThatIsFoundTooLateIsDrained) {
  world_.drains_end = false;
  world_.hear("beta");
  run();
  world_.pass(kSilenceAtStart + milliseconds(250), {"beta"});
  world_.pass(milliseconds(1000), {"alpha", "beta"});
  EXPECT_EQ(place_of("a"), "beta in term 2") << "above that of the one that is found";
  const wire::InstanceKey drained{"p", "a", 0, 1};
  EXPECT_TRUE(world_.agents["alpha"].runs.contains(drained));
  EXPECT_EQ(world_.instance("beta", "b").writers, (std::vector<std::string>{"a.0", "a.0@1"}));
  world_.agents["alpha"].runs.at(drained).ended_and_settled = true;
  world_.settle();
  EXPECT_TRUE(world_.agents["alpha"].runs.empty());
  EXPECT_EQ(world_.state(), PipelineState::kRunning);
}

TEST(Broker, AStrayIsStoppedAndItsTermSurpassed) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a", {"alpha"})}));
  world.settle();
  world.agents["beta"].runs = world.agents["alpha"].runs;
  world.agents["beta"].runs.begin()->second.term = 5;
  world.settle();
  EXPECT_TRUE(world.agents["beta"].runs.empty());
  EXPECT_EQ(world.instance("alpha", "a").term, 6u);
}

TEST(Broker, APipelineGoesThroughItsStates) {
  World world;
  const auto spec = chain({node("a"), node("b")});
  EXPECT_TRUE(world.ok(wire::PipelinePut{spec}));
  EXPECT_EQ(world.state(), PipelineState::kStored);
  world.run(spec);
  EXPECT_EQ(world.state(), PipelineState::kStarting);
  world.hear("alpha");
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kRunning);
  world.instance("alpha", "a").state = InstanceState::kStarting;
  world.instance("alpha", "a").last_error = "signal 9 (Killed)";
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kDegraded);
  EXPECT_EQ(world.status().reason, "a: starting again: signal 9 (Killed)");
  world.instance("alpha", "b").state = InstanceState::kFailed;
  world.instance("alpha", "b").last_error = "exit status 3";
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kFailed);
  EXPECT_EQ(world.status().reason, "b: exit status 3");
  world.instance("alpha", "a").state = InstanceState::kEnded;
  world.instance("alpha", "b").state = InstanceState::kEnded;
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kRunning);
  world.instance("alpha", "b").ended_and_settled = true;
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kCompleted);
}

TEST(Broker, ACompletedPipelineIsTakenDownAndItsFiguresStay) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a"), node("b")}));
  world.settle();
  world.instance("alpha", "b").records_in = 42;
  world.instance("alpha", "b").notes = {{1, 1, "its log was trimmed"}};
  world.instance("alpha", "b").ended_and_settled = true;
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kCompleted);
  EXPECT_TRUE(world.stopped.empty()) << "the source has a moment to end by itself";
  world.tick(kEndGrace);
  world.settle();
  EXPECT_EQ(world.stopped, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(world.status().nodes[1].instances[0].status.notes.size(), 1u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(world.state(), PipelineState::kCompleted);
    const auto status = world.status();
    EXPECT_EQ(status.nodes[1].instances[0].status.records_in, 42u);
    EXPECT_EQ(status.nodes[1].instances[0].status.state, InstanceState::kEnded);
    EXPECT_EQ(status.nodes[1].instances[0].status.pid, 0);
    EXPECT_TRUE(status.nodes[1].instances[0].status.ended_and_settled);
    world.restart_broker();
    world.settle();
  }
  world.started.clear();
  EXPECT_TRUE(world.ok(wire::PipelineRun{"p", {}, {}})) << "it is done, so there is nothing to do";
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p", true})) << "likewise";
  world.settle();
  EXPECT_TRUE(world.started.empty());
  EXPECT_EQ(world.events(),
            (std::vector<std::string>{"pipeline.stored", "pipeline.run", "pipeline.running",
                                      "node.note", "pipeline.completed"}));
}

TEST(Broker, CompletedNeedsAllSinks) {
  World world;
  world.hear("alpha");
  graph::PipelineSpec spec = chain({node("a"), node("b")});
  spec.nodes.push_back(node("c"));
  spec.edges = {{0, 1}, {0, 2}};
  world.run(spec);
  world.settle();
  world.instance("alpha", "a").ended_and_settled = true;
  world.instance("alpha", "b").ended_and_settled = true;
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kRunning);
  world.instance("alpha", "c").ended_and_settled = true;
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kCompleted);
}

TEST(Broker, OfTwoAgentsWithOneNameOneIsRefused) {
  World world;
  world.agents["alpha"].identity = "1";
  world.hear("alpha");
  world.run(chain({node("a")}));
  world.settle();
  const wire::AgentRegister other{"alpha", "", {}, "2"};
  EXPECT_EQ(world.refused(other), ErrorCode::kConflict);
  world.hear("alpha");
  EXPECT_EQ(world.state(), PipelineState::kRunning);
  // A restarted broker has to hear the first one again before it may take the other.
  world.restart_broker();
  EXPECT_EQ(world.refused(other), ErrorCode::kConflict);
  world.tick(kAgentSilence - milliseconds(1));
  EXPECT_EQ(world.refused(other), ErrorCode::kConflict);
  world.hear("alpha");
  world.tick(kAgentSilence - milliseconds(1));
  EXPECT_EQ(world.refused(other), ErrorCode::kConflict);
  EXPECT_EQ(world.agents["alpha"].last_start.at(0).term, 1u);
}

TEST(Broker, AnAgentThatTakesTheNameOfASilentOneHasHigherTerms) {
  World world;
  world.agents["alpha"].identity = "1";
  world.hear("alpha");
  world.run(chain({node("a"), node("b")}));
  world.settle();
  world.tick(kAgentSilence);
  const auto answer = world.ask(wire::AgentRegister{"alpha", "", {}, "2"});
  const auto* orders = std::get_if<wire::AgentOrders>(&answer);
  ASSERT_NE(orders, nullptr);
  ASSERT_EQ(orders->start.size(), 1u) << "the sink first";
  EXPECT_EQ(orders->start[0].term, 2u);
  EXPECT_EQ(world.refused(wire::AgentRegister{"alpha", "", {}, "1"}), ErrorCode::kConflict);
}

TEST(Broker, ASilentAgentDegrades) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a")}));
  world.settle();
  world.tick(kAgentSilence - milliseconds(1));
  EXPECT_EQ(world.state(), PipelineState::kRunning);
  world.tick(milliseconds(1));
  EXPECT_EQ(world.state(), PipelineState::kDegraded);
  const auto status = world.status();
  EXPECT_EQ(status.reason, "a: its agent alpha is lost; waits for an agent");
  EXPECT_EQ(status.nodes.at(0).instances.at(0).status.state, InstanceState::kLost);
  const auto broker = std::get<wire::BrokerStatus>(world.ask(wire::BrokerStatusRequest{}));
  EXPECT_FALSE(broker.agents.at(0).connected);
  world.hear("alpha");
  EXPECT_EQ(world.state(), PipelineState::kRunning);
}

TEST(Broker, AStopWaitsForASilentAgent) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a")}));
  world.settle();
  world.restart_broker();
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p"}));
  EXPECT_EQ(world.state(), PipelineState::kStopping);
  EXPECT_EQ(world.status().reason, "a: waits for agent alpha");
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kStopped);
}

// R8: its lanes may have ended already.
TEST(Broker, WhatIsToEndEndsAlsoAfterAStop) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a"), node("b")}));
  world.settle();
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p", true}));
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p"}));
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kStopped);
  EXPECT_TRUE(world.ok(wire::PipelineRun{"p", {}, {}}));
  world.settle();
  const std::vector<wire::StartOrder>& orders = world.agents["alpha"].last_start;
  ASSERT_EQ(orders.size(), 2u);
  for (const wire::StartOrder& order : orders) EXPECT_EQ(order.end, order.node.name == "a");
}

// The agent's report was on its way when the start was ordered: that it lacks the instance does not
// mean that it will not start it.
TEST(Broker, AnOldReportDoesNotMakeAStop) {
  std::vector<StoreWrite> writes;
  auto core = BrokerCore::recover({}, writes);
  ASSERT_TRUE(core);
  const SteadyTime now{std::chrono::hours(1)};
  std::vector<uint64_t> versions;
  const auto say = [&](const std::string& peer, wire::Message message) {
    for (const Outgoing& one : core->receive(peer, {"", std::move(message)}, now).sends) {
      const auto* orders = std::get_if<wire::AgentOrders>(&one.envelope.message);
      if (orders != nullptr) versions.push_back(orders->version);
    }
  };
  say("x", wire::AgentRegister{"alpha", "", {}});
  say("ctl", wire::PipelinePut{chain({node("a")})});
  say("ctl", wire::PipelineRun{"p", {}, {}});
  say("ctl", wire::PipelineStop{"p"});
  ASSERT_EQ(versions.size(), 3u);
  say("x", wire::AgentReport{"alpha", versions[1], {}, {}});
  const auto& pipeline = core->state().pipelines.at("p");
  EXPECT_EQ(make_status(core->state(), pipeline).state, PipelineState::kStopping);
  say("x", wire::AgentReport{"alpha", versions[2], {}, {}});
  EXPECT_EQ(make_status(core->state(), pipeline).state, PipelineState::kStopped);
}

wire::InstanceStatus running(const std::string& name, uint64_t term = 1) {
  wire::InstanceStatus status;
  status.pipeline = "p";
  status.node = name;
  status.term = status.log_term = term;
  status.state = wire::InstanceState::kRunning;
  status.pid = 100;
  return status;
}

// An instance that the agent has not told of yet may run there: it is not started elsewhere.
TEST(Broker, NothingIsDecidedAboutAnAgentThatHasToldOnlyAPart) {
  std::vector<StoreWrite> writes;
  auto core = BrokerCore::recover({}, writes);
  ASSERT_TRUE(core);
  const SteadyTime now{std::chrono::hours(1)};
  std::vector<wire::Message> answers;
  const auto say = [&](const std::string& peer, wire::Message message) {
    for (Outgoing& one : core->receive(peer, {"", std::move(message)}, now).sends) {
      if (one.peer == "x") answers.push_back(std::move(one.envelope.message));
    }
  };
  wire::AgentRegister part{"alpha", "", {running("a")}, "1"};
  part.more = true;
  say("x", part);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<wire::Ok>(answers[0]));
  EXPECT_TRUE(core->state().agents.empty());
  say("ctl", wire::PipelinePut{chain({node("a"), node("b"), node("c")})});
  say("ctl", wire::PipelineRun{"p", {}, {}});
  EXPECT_TRUE(core->state().placements.empty());
  wire::AgentReport next{"alpha", 0, {running("b", 7)}, {}};
  next.changes_only = next.more = true;
  say("x", next);
  EXPECT_TRUE(core->state().agents.empty());
  next.instances = {running("c")};
  next.more = false;
  say("x", next);
  ASSERT_EQ(core->state().agents.at("alpha").instances.size(), 3u);
  EXPECT_EQ(core->state().placements.at({"p", "b", 0, 0}).term, 8u) << "it goes on where it is";
  EXPECT_TRUE(std::holds_alternative<wire::AgentOrders>(answers.back()));
}

TEST(Broker, AReportOfChangesLeavesTheRestAsItWas) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a"), node("b")}));
  world.settle();
  wire::AgentReport report{"alpha", world.agents["alpha"].version, {}, {}};
  report.changes_only = true;
  wire::InstanceStatus& b = world.instance("alpha", "b");
  b.records_in = 17;
  report.instances = {b};
  world.say("alpha", {"", report});
  EXPECT_EQ(world.core_state().agents.at("alpha").instances.size(), 2u);
  EXPECT_EQ(world.core_state().report({"p", "b", 0, 0})->records_in, 17u);
  EXPECT_EQ(world.state(), PipelineState::kRunning);
  report.instances.clear();
  report.gone = {{"p", "b", 0, 0}};
  world.say("alpha", {"", report});
  EXPECT_EQ(world.core_state().agents.at("alpha").instances.size(), 1u);
  EXPECT_EQ(world.state(), PipelineState::kDegraded);
}

// A report in parts counts as obeyed orders only once its last part is there.
TEST(Broker, AReportThatGoesOnDoesNotMakeAStop) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a")}));
  world.settle();
  world.agents["alpha"].holds_back = true;
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p"}));
  const uint64_t stop = world.agents["alpha"].version + 1;
  wire::AgentReport report{"alpha", stop, {}, {}};
  report.changes_only = report.more = true;
  report.gone = {{"p", "a", 0, 0}};
  world.say("alpha", {"", report});
  EXPECT_EQ(world.state(), PipelineState::kStopping);
  report.more = false;
  world.say("alpha", {"", report});
  EXPECT_EQ(world.state(), PipelineState::kStopped);
}

// Whoever waits says for what, also where others wait in between.
TEST(Broker, AReasonNamesTheCauseAndNotThoseThatWaitForIt) {
  {
    World world;
    world.hear("alpha");
    world.run(chain({node("a"), node("b"), node("c", {"alhpa"})}));
    world.settle();
    EXPECT_EQ(world.status().reason,
              "a: waits for c: waits for agent alhpa, of which the broker has never heard; did you "
              "mean 'alpha'?");
  }
  {
    // A lane that cannot be listened at.
    World world;
    world.hear("alpha");
    world.run(chain({node("a"), node("b")}));
    wire::InstanceStatus& b = world.instance("alpha", "b");
    b.state = wire::InstanceState::kStarting;
    b.endpoint.clear();
    b.last_error = "listen on tcp://10.0.0.9:*: Cannot assign requested address";
    world.settle();
    EXPECT_EQ(world.status().reason,
              "a: waits for b: starting again: listen on tcp://10.0.0.9:*: Cannot assign requested "
              "address");
  }
}

TEST(InstanceGraphTest, KnowsEachInstanceByItsKeyAndItsNeighbours) {
  graph::PipelineSpec spec = chain({node("a"), node("b"), node("c")});
  const InstanceGraph graph(spec);
  ASSERT_EQ(graph.instances.size(), 3u);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(graph.find(graph.instances[i].key), i);
  EXPECT_EQ(graph.find({"p", "b", 0, 7}), 1u) << "what is drained beside it";
  EXPECT_FALSE(graph.find({"p", "b", 1, 0}));
  EXPECT_FALSE(graph.find({"p", "x", 0, 0}));
  EXPECT_EQ(graph.instances[1].inputs, std::vector<uint32_t>{0});
  EXPECT_EQ(graph.instances[1].outputs, std::vector<uint32_t>{2});
  EXPECT_EQ(graph.readers_first, (std::vector<uint32_t>{2, 1, 0}));
}

TEST(Broker, RequestsThatCannotBeDoneAreRefused) {
  World world;
  world.hear("alpha");
  EXPECT_EQ(world.refused(wire::PipelineRun{"q", {}, {}}), ErrorCode::kNotFound);
  EXPECT_EQ(world.refused(wire::PipelineStop{"q"}), ErrorCode::kNotFound);
  EXPECT_EQ(world.refused(wire::PipelineStatusRequest{"q"}), ErrorCode::kNotFound);
  EXPECT_EQ(world.refused(wire::Unknown{1, "pipeline.fly"}), ErrorCode::kInvalid);
  EXPECT_EQ(world.refused(wire::WrapperStop{}), ErrorCode::kInvalid);
  EXPECT_EQ(world.refused(wire::AgentReport{"beta", 0, {}, {}}), ErrorCode::kNotFound);
  EXPECT_EQ(world.refused(wire::AgentReport{"alpha", 0, {}, {}}), ErrorCode::kNotFound);
  EXPECT_TRUE(world.ok(wire::PipelinePut{chain({node("a")})}));
  EXPECT_TRUE(world.ok(wire::PipelinePut{chain({node("b")})}));  // Never run: replaced.
  world.run(chain({node("b")}));
  EXPECT_EQ(world.refused(wire::PipelinePut{chain({node("c")})}), ErrorCode::kConflict);
}

TEST(Broker, ARequestIsDoneOnceForItsId) {
  World world;
  world.hear("alpha");
  const auto spec = chain({node("a")});
  world.run(spec);
  world.settle();
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p"}, "id-1"));
  EXPECT_EQ(world.refused(wire::PipelineStop{"q"}, "id-2"), ErrorCode::kNotFound);
  world.settle();
  world.run(spec);
  world.restart_broker();
  EXPECT_TRUE(world.ok(wire::PipelineStop{"p"}, "id-1"));
  EXPECT_EQ(world.refused(wire::PipelineStop{"q"}, "id-2"), ErrorCode::kNotFound);
  world.settle();
  EXPECT_EQ(world.state(), PipelineState::kRunning);
}

TEST(Broker, ResultsAreBounded) {
  std::vector<StoreWrite> writes;
  auto core = BrokerCore::recover({}, writes);
  ASSERT_TRUE(core);
  size_t kept = 0;
  for (size_t i = 0; i < kResultsKept + 10; ++i) {
    const auto effects =
        core->receive("ctl", {"r" + std::to_string(i), wire::PipelineStop{"p"}}, {});
    for (const StoreWrite& write : effects.writes) {
      if (write.key.kind != RecordKind::kResult) continue;
      kept += write.value ? 1 : size_t(-1);
    }
  }
  EXPECT_EQ(kept, kResultsKept);
}

TEST(Broker, AStoreOfAnotherFormatIsRefused) {
  std::vector<StoreWrite> writes;
  EXPECT_FALSE(BrokerCore::recover(
      {{{RecordKind::kMeta, kMetaFormat}, encode_number(kStoreFormat + 1)}}, writes));
  EXPECT_FALSE(BrokerCore::recover({{{RecordKind::kPipeline, 1}, "rubbish"}}, writes));
}

TEST(Broker, VersionsOfOrdersDoNotComeTwice) {
  World world;
  world.hear("alpha");
  world.run(chain({node("a")}));
  world.settle();
  const uint64_t before = world.agents["alpha"].version;
  world.restart_broker();
  world.settle();
  EXPECT_GT(world.agents["alpha"].version, before);
}

// Random kills of the broker, silences and reports: once all is quiet, everything runs, once, where
// it was placed, and terms never went down.
TEST(Broker, ComesToRestWhateverHappened) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    World world;
    const auto spec = chain({node("a"), node("b", {"beta", "alpha"}), node("c"), node("d")});
    world.run(spec);
    std::map<wire::InstanceKey, uint64_t> highest;
    for (int step = 0; step < 60; ++step) {
      switch (random() % 6) {
        case 0:
          world.restart_broker();
          break;
        case 1:
          world.tick(milliseconds(random() % 4000));
          break;
        case 2:
          (void)world.ok(wire::PipelineStop{"p"});
          break;
        case 3:
          (void)world.ok(wire::PipelineRun{"p", {}, {}});
          break;
        default:
          world.hear(random() % 2 == 0 ? "alpha" : "beta");
      }
      for (const auto& [key, placed] : world.core_state().placements) {
        EXPECT_GE(placed.term, highest[key]) << "seed " << seed;
        highest[key] = placed.term;
      }
    }
    EXPECT_TRUE(world.ok(wire::PipelineRun{"p", {}, {}}));
    world.hear("alpha");
    world.hear("beta");
    world.settle();
    EXPECT_EQ(world.state(), PipelineState::kRunning) << "seed " << seed;
    EXPECT_EQ(world.agents["alpha"].runs.size() + world.agents["beta"].runs.size(), 4u);
    EXPECT_TRUE(world.ok(wire::PipelineStop{"p"}));
    world.settle();
    EXPECT_EQ(world.state(), PipelineState::kStopped) << "seed " << seed;
    EXPECT_TRUE(world.agents["alpha"].runs.empty() && world.agents["beta"].runs.empty());
  }
}

}  // namespace
}  // namespace weir::broker
