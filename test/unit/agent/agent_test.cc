#include "agent/core/agent.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <set>

namespace weir::agent {
namespace {

using std::chrono::milliseconds;

const Layout kLayout{"/data", "/run/a", "10.0.0.5"};

wire::StartOrder order(const std::string& node, uint64_t term = 1,
                       std::vector<std::string> writers = {}) {
  wire::StartOrder result;
  result.pipeline = "p";
  result.node.name = node;
  result.node.run = "cat";
  result.term = term;
  result.writers = std::move(writers);
  return result;
}

const std::string kHash(64, 'a');

wire::StartOrder uploaded(const std::string& node) {
  wire::StartOrder result = order(node);
  result.node.run.clear();
  result.node.action = "num_gen";
  result.uploaded = wire::ActionRef{"num_gen", 3, kHash, 40u << 20};
  return result;
}

wire::InstanceKey key(const std::string& node) { return {"p", node, 0}; }

// The core with a shell that does everything at once.
class World {
 public:
  explicit World(uint64_t log_limit_bytes = 0) : core_("alpha", kLayout, log_limit_bytes) {}

  void orders(uint64_t version, std::vector<wire::StartOrder> start,
              std::vector<wire::InstanceKey> stop = {},
              std::vector<wire::InstanceKey> remove = {}) {
    run(core_.from_broker(
        {"", wire::AgentOrders{version, std::move(start), std::move(stop), std::move(remove)}},
        free_bytes, now));
  }
  void erased(const std::string& node, const Status& status) {
    run(core_.from_eraser({"p", node, 0}, status, now));
  }
  std::vector<wire::InstanceKey> removing() const {
    const auto* report = last_to_broker<wire::AgentReport>();
    return report != nullptr ? report->removing : std::vector<wire::InstanceKey>{};
  }
  void hello(const std::string& peer, const std::string& node, uint64_t term = 1) {
    run(core_.from_wrapper(peer, {"", wire::WrapperHello{"p", node, 0, term, pid_of(node)}}, now));
  }
  void report(const std::string& peer, const std::string& node, uint64_t term = 1) {
    wire::InstanceStatus status;
    status.pipeline = "p";
    status.node = node;
    status.term = term;
    status.pid = pid_of(node);
    status.state = wire::InstanceState::kRunning;
    run(core_.from_wrapper(peer, {"", wire::WrapperReport{status}}, now));
  }
  void end(const std::string& node) {
    const int64_t pid = core_.lives().at(key(node)).pid();
    run(core_.from_shell(key(node), Ended{pid, 0, "exit status 0", ""}, now));
  }
  void tick(milliseconds later) {
    now += later;
    run(core_.tick(now));
  }
  static int64_t pid_of(const std::string& node) { return 1000 + node.at(0); }

  // As the shell does: what an answer causes comes after what is waiting.
  void run(std::vector<AgentEffect> effects) {
    for (AgentEffect& one : effects) waiting_.push_back(std::move(one));
    if (draining_) return;
    draining_ = true;
    while (true) {
      if (waiting_.empty()) {
        for (AgentEffect& last : core_.end_turn(now)) waiting_.push_back(std::move(last));
        if (waiting_.empty()) break;
      }
      AgentEffect effect = std::move(waiting_.front());
      waiting_.pop_front();
      if (auto* task = std::get_if<ForWrapper>(&effect)) {
        if (std::holds_alternative<NoteStarts>(task->what)) continue;
        done.push_back(task->key.node + " " + std::to_string(task->what.index()));
        answer(*task);
      } else if (auto* to_broker = std::get_if<ToBroker>(&effect)) {
        to_brokers.push_back(to_broker->message);
        if (broker_answers && std::holds_alternative<wire::AgentReport>(to_broker->message)) {
          (void)core_.from_broker({"", wire::Ok{}}, free_bytes, now);
        }
        last_request = to_broker->request;
        if (std::holds_alternative<wire::ActionFetch>(to_broker->message)) {
          EXPECT_EQ(to_broker->request, kHash);
          done.push_back("fetch");
        }
      } else if (auto* to_wrapper = std::get_if<ToWrapper>(&effect)) {
        to_wrappers.emplace_back(to_wrapper->peer, to_wrapper->message);
      } else if (auto* content = std::get_if<ForContents>(&effect)) {
        if (std::holds_alternative<LookForContent>(content->what)) done.push_back("look");
        if (std::holds_alternative<AddToContent>(content->what)) done.push_back("add");
      } else if (auto* question = std::get_if<AskLog>(&effect)) {
        done.push_back("ask " + question->key.node + " for " + question->request);
      } else if (auto* read = std::get_if<ReadLog>(&effect)) {
        done.push_back("read " + read->what.instance.node + " for " + read->request +
                       (read->known ? "" : " unknown"));
      } else if (auto* erase = std::get_if<EraseInstance>(&effect)) {
        done.push_back("erase " + erase->key.node);
      } else {
        ++reconnects;
      }
    }
    draining_ = false;
  }
  void answer(const ForWrapper& task) {
    if (std::holds_alternative<StoreOrder>(task.what)) {
      run(core_.from_shell(task.key, OrderStored{}, now));
    } else if (std::holds_alternative<RemoveOrder>(task.what)) {
      run(core_.from_shell(task.key, OrderRemoved{}, now));
    } else if (std::holds_alternative<Launch>(task.what)) {
      run(core_.from_shell(
          task.key, held ? LifeEvent(LockHeld{}) : LifeEvent(Started{pid_of(task.key.node)}), now));
    }
  }

  AgentCore& core() { return core_; }
  template <typename T>
  const T* last_to_broker() const {
    return to_brokers.empty() ? nullptr : std::get_if<T>(&to_brokers.back());
  }

  SteadyTime now{std::chrono::hours(1)};
  uint64_t free_bytes = 44ull << 30;
  bool broker_answers = true;  // What it is told, at once.
  bool held = false;           // Locks are held by processes from before.
  std::vector<std::string> done;
  std::vector<wire::Message> to_brokers;
  std::string last_request;  // Of the last of them.
  std::vector<std::pair<std::string, wire::Message>> to_wrappers;
  int reconnects = 0;

 private:
  AgentCore core_;
  std::deque<AgentEffect> waiting_;
  bool draining_ = false;
};

TEST(Agent, RegistersUntilItGetsOrdersThenReports) {
  World world;
  world.tick(milliseconds(0));
  ASSERT_NE(world.last_to_broker<wire::AgentRegister>(), nullptr);
  EXPECT_EQ(world.last_to_broker<wire::AgentRegister>()->name, "alpha");
  EXPECT_EQ(world.last_to_broker<wire::AgentRegister>()->address, "10.0.0.5");
  world.tick(kHeartbeat);
  EXPECT_NE(world.last_to_broker<wire::AgentRegister>(), nullptr);
  world.orders(7, {});
  ASSERT_NE(world.last_to_broker<wire::AgentReport>(), nullptr);
  EXPECT_EQ(world.last_to_broker<wire::AgentReport>()->orders_version, 7u);
  const size_t sent = world.to_brokers.size();
  world.tick(kHeartbeat - milliseconds(1));
  EXPECT_EQ(world.to_brokers.size(), sent);
  world.tick(milliseconds(1));
  EXPECT_EQ(world.to_brokers.size(), sent + 1);
}

TEST(Agent, RegistersAgainWhenTheBrokerDoesNotKnowIt) {
  World world;
  world.orders(7, {});
  world.run(world.core().from_broker({"", wire::Refusal{ErrorCode::kNotFound, ""}}, 0, world.now));
  EXPECT_NE(world.last_to_broker<wire::AgentRegister>(), nullptr);
}

TEST(Agent, MakesANewConnectionWhenTheBrokerIsSilent) {
  World world;
  world.orders(7, {});
  world.broker_answers = false;
  for (int i = 0; i < 3; ++i) world.tick(kHeartbeat);
  EXPECT_EQ(world.reconnects, 1);
  EXPECT_NE(world.last_to_broker<wire::AgentRegister>(), nullptr);
  world.tick(kBrokerSilence);
  EXPECT_EQ(world.reconnects, 2);
}

TEST(Agent, TriesSoonAgainWhenNobodyIsConnected) {
  World world;
  world.tick(milliseconds(0));
  world.core().broker_not_reached(world.now);
  EXPECT_EQ(world.core().deadline(world.now), world.now + kNotSentRetry);
}

TEST(Agent, CompletesAndObeysOrders) {
  World world;
  world.orders(1, {order("b", 1, {"a.0"}), order("a")});
  const auto& lives = world.core().lives();
  ASSERT_EQ(lives.size(), 2u);
  const wire::StartOrder& b = lives.at(key("b")).order();
  EXPECT_EQ(b.log_dir, "/data/wal/p/b.0");
  EXPECT_EQ(b.listen, "ipc://" + kLayout.wrapper_socket(key("b")));
  EXPECT_EQ(b.listen_remote, "tcp://10.0.0.5:*");
  EXPECT_EQ(b.agent_endpoint, "ipc:///run/a/agent");
  EXPECT_EQ(b.stderr_file, "/data/logs/p/b.0.stderr");
  EXPECT_EQ(b.stdout_file, "/data/logs/p/b.0.stdout");
  EXPECT_EQ(b.working_dir, "/data/work/p/b.0");
  EXPECT_EQ(lives.at(key("a")).order().listen, "");
  EXPECT_EQ(lives.at(key("a")).order().listen_remote, "");
  // Stored (0), then launched (2).
  EXPECT_EQ(world.done, (std::vector<std::string>{"b 0", "a 0", "b 2", "a 2"}));
  const auto* report = world.last_to_broker<wire::AgentReport>();
  ASSERT_NE(report, nullptr);
  EXPECT_EQ(report->instances.size(), 2u);
}

TEST(Agent, AnOrdersOwnFolderIsKeptAndOursMovesWithTheData) {
  wire::StartOrder one = order("a");
  one.working_dir = "/home/somebody";
  EXPECT_EQ(kLayout.complete(one).working_dir, "/home/somebody");
  one.working_dir = "/moved/from/here/work/p/a.0";
  EXPECT_EQ(kLayout.complete(one).working_dir, "/data/work/p/a.0");
  EXPECT_EQ(kLayout.complete(kLayout.complete(one)), kLayout.complete(one));
}

TEST(Agent, AStopIsConfirmedByAbsence) {
  World world;
  world.orders(1, {order("a")});
  world.hello("peer-a", "a");
  world.orders(2, {}, {key("a"), key("unknown")});
  ASSERT_FALSE(world.to_wrappers.empty());
  EXPECT_TRUE(std::holds_alternative<wire::WrapperStop>(world.to_wrappers.back().second));
  EXPECT_EQ(world.last_to_broker<wire::AgentReport>()->instances.size(), 1u);
  world.end("a");
  EXPECT_TRUE(world.last_to_broker<wire::AgentReport>()->instances.empty());
  EXPECT_TRUE(world.core().lives().empty());
}

TEST(Agent, WhatIsInNeitherListStays) {
  World world;
  world.orders(1, {order("a")});
  world.orders(2, {});
  EXPECT_EQ(world.core().lives().at(key("a")).state(), LifeState::kFollowing);
}

TEST(Agent, ARecoveredOrderIsStartedWithoutTheBroker) {
  World world;
  world.core().recover(order("a"));
  world.tick(milliseconds(0));
  EXPECT_EQ(world.done, std::vector<std::string>{"a 2"});
}

TEST(Agent, AWrapperFromBeforeIsAdoptedByItsReport) {
  World world;
  world.held = true;
  world.core().recover(order("a"));
  world.tick(milliseconds(0));
  EXPECT_EQ(world.core().lives().at(key("a")).state(), LifeState::kUnknownRuns);
  world.report("new-peer", "a");
  EXPECT_EQ(world.core().lives().at(key("a")).state(), LifeState::kFollowing);
  EXPECT_EQ(world.done, (std::vector<std::string>{"a 2", "a 4"}));  // Launch, follow.
  ASSERT_EQ(world.to_wrappers.size(), 1u);
  EXPECT_EQ(world.to_wrappers[0].first, "new-peer");
  EXPECT_TRUE(std::holds_alternative<wire::WrapperNeighbours>(world.to_wrappers[0].second));
  world.report("new-peer", "a");
  EXPECT_EQ(world.to_wrappers.size(), 1u);
}

TEST(Agent, AWrapperWithoutAnOrderIsToldToStop) {
  World world;
  world.hello("peer-x", "x");
  ASSERT_EQ(world.to_wrappers.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<wire::WrapperStop>(world.to_wrappers[0].second));
}

TEST(Agent, AStrangeMessageIsRefused) {
  World world;
  world.run(world.core().from_wrapper("peer", {"", wire::Unknown{1, "x"}}, world.now));
  ASSERT_EQ(world.to_wrappers.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<wire::Refusal>(world.to_wrappers[0].second));
  world.run(world.core().from_wrapper("peer", {"", wire::Refusal{}}, world.now));
  EXPECT_EQ(world.to_wrappers.size(), 1u);
}

TEST(Agent, ShutsDownFromSourcesToSinks) {
  World world;
  world.orders(1, {order("c", 1, {"b.0"}), order("b", 1, {"a.0"}), order("a")});
  for (const char* node : {"a", "b", "c"}) world.hello(std::string("peer-") + node, node);
  world.to_wrappers.clear();
  world.run(world.core().shut_down(world.now));
  for (const char* node : {"a", "b", "c"}) {
    ASSERT_EQ(world.to_wrappers.size(), 1u) << node;
    EXPECT_EQ(world.to_wrappers[0].first, std::string("peer-") + node);
    world.to_wrappers.clear();
    EXPECT_FALSE(world.core().all_down());
    world.end(node);
  }
  EXPECT_TRUE(world.core().all_down());
  // Orders stay: nothing was removed (1).
  for (const std::string& one : world.done) EXPECT_EQ(one.find(" 1"), std::string::npos);
  world.orders(2, {order("d")});
  EXPECT_EQ(world.core().lives().count(key("d")), 0u);
}

TEST(Agent, R10AfterABootNothingStartsBeforeTheBrokerHasSpoken) {
  World world;
  world.core().recover(order("a"));
  world.core().recover(order("b"));
  world.core().recover(uploaded("c"));
  world.core().hold_starts(world.now + std::chrono::seconds(60));
  world.tick(milliseconds(0));
  world.run(world.core().from_contents(kHash, ContentIs{40u << 20}, world.now));
  world.tick(milliseconds(59'999));
  EXPECT_EQ(world.done, std::vector<std::string>{"look"});
  EXPECT_TRUE(world.core().holds_starts());
  // a runs elsewhere by now.
  world.orders(1, {order("b"), uploaded("c")}, {key("a")});
  world.tick(milliseconds(0));
  EXPECT_FALSE(world.core().holds_starts());
  // Their orders are stored with the limit of their logs first.
  EXPECT_EQ(world.done, (std::vector<std::string>{"look", "b 0", "c 0", "a 1", "b 2", "c 2"}));
}

TEST(Agent, R10AfterABootTheBrokerIsNotWaitedForWithoutEnd) {
  World world;
  world.core().recover(order("a"));
  world.core().hold_starts(world.now + std::chrono::seconds(60));
  world.tick(milliseconds(0));
  EXPECT_LE(world.core().deadline(world.now), world.now + std::chrono::seconds(60));
  world.tick(milliseconds(60'000));
  EXPECT_EQ(world.done, std::vector<std::string>{"a 2"});
}

TEST(Agent, R10AnAgentThatWaitsAfterABootCanBeStopped) {
  World world;
  world.core().recover(order("a"));
  world.core().hold_starts(world.now + std::chrono::seconds(60));
  world.tick(milliseconds(0));
  world.run(world.core().shut_down(world.now));
  EXPECT_TRUE(world.core().all_down());
  world.tick(milliseconds(60'000));
  EXPECT_TRUE(world.done.empty());
}

TEST(Agent, LogsAreReadUnderTheBrokersRequestId) {
  World world;
  world.orders(1, {order("a")});
  world.done.clear();
  wire::LogRead read;
  read.instance = key("a");
  world.run(world.core().from_broker({"peer/7", read}, 0, world.now));
  read.instance = key("b");
  world.run(world.core().from_broker({"peer/8", read}, 0, world.now));
  EXPECT_EQ(world.done,
            (std::vector<std::string>{"read a for peer/7", "read b for peer/8 unknown"}));
}

TEST(Agent, QuestionsAboutDeadLettersGoToTheWrapperOrToItsLog) {
  World world;
  world.orders(1, {order("a")});
  const auto ask = [&](const std::string& node, const std::string& request) {
    wire::DeadRead read;
    read.instance = key(node);
    world.done.clear();
    world.to_wrappers.clear();
    world.to_brokers.clear();
    world.run(world.core().from_broker({request, read}, 0, world.now));
  };
  ask("a", "peer/1");
  ASSERT_FALSE(world.to_brokers.empty());
  EXPECT_EQ(std::get<wire::Refusal>(world.to_brokers[0]).code, ErrorCode::kUnavailable)
      << "it has not said hello yet";
  world.report("wrapper-a", "a");
  ask("a", "peer/2");
  ASSERT_EQ(world.to_wrappers.size(), 1u);
  EXPECT_EQ(world.to_wrappers[0].first, "wrapper-a");
  EXPECT_TRUE(std::holds_alternative<wire::DeadRead>(world.to_wrappers[0].second));
  for (const wire::Message& answer : std::vector<wire::Message>{
           wire::DeadData{}, wire::DeadChanged{}, wire::Refusal{ErrorCode::kNotFound, "none"}}) {
    world.to_brokers.clear();
    world.run(world.core().from_wrapper("wrapper-a", {"peer/2", answer}, world.now));
    ASSERT_FALSE(world.to_brokers.empty());
    EXPECT_EQ(world.to_brokers[0], answer);
    EXPECT_EQ(world.last_request, "peer/2");
  }
  ask("b", "peer/3");
  EXPECT_EQ(world.done, (std::vector<std::string>{"ask b for peer/3"}));
}

TEST(Agent, AnAgentThatIsRefusedKeepsTryingAndStartsNothing) {
  World world;
  world.tick(kHeartbeat);
  const auto refuse = [&] {
    const wire::Refusal refusal{ErrorCode::kConflict, "another agent has this name"};
    world.to_brokers.clear();
    world.run(world.core().from_broker({"", refusal}, 0, world.now));
  };
  for (int i = 0; i < 5; ++i) {
    refuse();
    EXPECT_TRUE(world.to_brokers.empty()) << "not at once";
    world.tick(kHeartbeat);
    ASSERT_EQ(world.to_brokers.size(), 1u);
    EXPECT_TRUE(std::holds_alternative<wire::AgentRegister>(world.to_brokers[0]));
  }
  EXPECT_TRUE(world.done.empty());
}

TEST(Agent, R7ALogsShareOfTheDiskIsChosenOnce) {
  World world;
  const auto limit = [&](const std::string& node) {
    return world.core().lives().at(key(node)).order().log_limit_bytes;
  };
  wire::StartOrder own = order("own");
  own.log_limit_bytes = 5u << 20;
  world.orders(1, {order("a"), own});
  EXPECT_EQ(limit("a"), ((44ull << 30) - (1ull << 30)) / 2);
  EXPECT_EQ(limit("own"), 5u << 20);
  // The disk fills, others come: what was chosen stays, and nothing is stored anew for it.
  world.free_bytes = 4ull << 30;
  world.done.clear();
  world.orders(2, {order("a"), own, order("b")});
  EXPECT_EQ(limit("a"), ((44ull << 30) - (1ull << 30)) / 2);
  EXPECT_EQ(world.done, (std::vector<std::string>{"b 0", "b 2"}));
  EXPECT_LE(limit("b"), (4ull << 30) / 3);
  // Also over a restart of the agent.
  World next;
  next.core().recover(world.core().lives().at(key("a")).order());
  next.orders(1, {order("a")});
  EXPECT_EQ(next.core().lives().at(key("a")).order(), world.core().lives().at(key("a")).order());
}

TEST(Agent, R7AnAgentsOwnLimitGoesForLogsWithoutOne) {
  World world(7u << 20);
  wire::StartOrder own = order("own");
  own.log_limit_bytes = 5u << 20;
  world.orders(1, {order("a"), own});
  EXPECT_EQ(world.core().lives().at(key("a")).order().log_limit_bytes, 7u << 20);
  EXPECT_EQ(world.core().lives().at(key("own")).order().log_limit_bytes, 5u << 20);
}

TEST(Agent, R8AnEndIsPassedOn) {
  World world;
  world.orders(1, {order("a")});
  world.hello("peer-a", "a");
  wire::StartOrder end = order("a");
  end.end = true;
  world.orders(2, {end});
  ASSERT_FALSE(world.to_wrappers.empty());
  const auto* told = std::get_if<wire::WrapperStop>(&world.to_wrappers.back().second);
  ASSERT_NE(told, nullptr);
  EXPECT_TRUE(told->end);
  EXPECT_EQ(world.core().lives().at(key("a")).wanted(), Wanted::kRun);
}

TEST(Agent, WhatIsRemovedIsStoppedFirstAndToldUntilItIsGone) {
  World world;
  world.orders(1, {order("a")});
  world.hello("peer-a", "a");
  world.done.clear();
  world.orders(2, {}, {}, {key("a")});
  EXPECT_TRUE(std::holds_alternative<wire::WrapperStop>(world.to_wrappers.back().second));
  EXPECT_EQ(world.removing(), std::vector<wire::InstanceKey>{key("a")});
  EXPECT_EQ(world.done, std::vector<std::string>{});
  world.end("a");
  // Its order (1) goes before all else.
  EXPECT_EQ(world.done, (std::vector<std::string>{"a 1", "erase a"}));
  EXPECT_EQ(world.removing(), std::vector<wire::InstanceKey>{key("a")});
  world.erased("a", {});
  EXPECT_TRUE(world.removing().empty());
  EXPECT_TRUE(world.last_to_broker<wire::AgentReport>()->instances.empty());
  EXPECT_EQ(world.last_to_broker<wire::AgentReport>()->orders_version, 2u);
}

TEST(Agent, ARemovalIsTriedUntilItIsDoneAndDoneAgainWhenItIsRepeated) {
  World world;
  world.orders(1, {}, {}, {key("x")});
  EXPECT_EQ(world.done, std::vector<std::string>{"erase x"});
  world.erased("x", Error{ErrorCode::kConflict, "the wrapper runs"});
  EXPECT_EQ(world.removing(), std::vector<wire::InstanceKey>{key("x")});
  world.tick(kRemovalRetry - milliseconds(1));
  EXPECT_EQ(world.done.size(), 1u);
  world.tick(milliseconds(1));
  EXPECT_EQ(world.done.size(), 2u);
  world.erased("x", {});
  EXPECT_TRUE(world.removing().empty());
  // A broker that was restarted has not heard of it.
  world.orders(2, {}, {}, {key("x")});
  EXPECT_EQ(world.done.size(), 3u);
  EXPECT_EQ(world.removing(), std::vector<wire::InstanceKey>{key("x")});
}

TEST(Agent, WhatIsBeingRemovedIsStartedWhenItIsGone) {
  World world;
  world.orders(1, {}, {}, {key("a"), key("b"), key("c")});
  world.orders(2, {order("a"), order("b"), order("c")});
  EXPECT_TRUE(world.core().lives().empty());
  // It was thought better of meanwhile.
  world.orders(3, {}, {key("b")}, {key("c")});
  for (const char* node : {"a", "b", "c"}) world.erased(node, {});
  ASSERT_EQ(world.core().lives().size(), 1u);
  EXPECT_TRUE(world.core().lives().contains(key("a")));
  EXPECT_EQ(world.last_to_broker<wire::AgentReport>()->orders_version, 3u);
}

TEST(Agent, OrdersThatDoNotFollowThoseBeforeAreNotObeyed) {
  World world;
  const auto obey = [&](uint64_t version, uint64_t base, const std::string& node) {
    wire::AgentOrders orders{version, {order(node)}, {}, {}};
    orders.base = base;
    world.run(world.core().from_broker({"", orders}, world.free_bytes, world.now));
    return world.last_to_broker<wire::AgentReport>()->orders_version;
  };
  EXPECT_EQ(obey(7, 0, "a"), 7u);
  EXPECT_EQ(obey(8, 7, "b"), 8u);
  EXPECT_EQ(obey(10, 9, "c"), 0u) << "number 9 was lost";
  EXPECT_EQ(obey(11, 10, "d"), 0u);
  EXPECT_EQ(world.core().lives().size(), 2u);
  EXPECT_EQ(obey(12, 0, "c"), 12u) << "all is said anew";
  EXPECT_EQ(world.core().lives().size(), 3u);
}

// A hundred wrappers change at once: the broker hears of it once.
TEST(Agent, WhatChangesInOneTurnIsOneReport) {
  World world;
  std::vector<wire::StartOrder> many;
  for (int i = 0; i < 100; ++i) many.push_back(order("n" + std::to_string(i)));
  world.orders(1, many);
  const auto reports = [&] {
    return std::count_if(world.to_brokers.begin(), world.to_brokers.end(), [](const auto& one) {
      return std::holds_alternative<wire::AgentReport>(one);
    });
  };
  EXPECT_EQ(reports(), 1) << "their orders came, were stored, and they were started";
  const auto* report = world.last_to_broker<wire::AgentReport>();
  EXPECT_EQ(report->instances.size(), 100u);
  // Nothing has changed but the time.
  world.to_brokers.clear();
  world.hello("peer", "n1");
  world.report("peer", "n1");
  EXPECT_EQ(reports(), 1);
  EXPECT_EQ(world.last_to_broker<wire::AgentReport>()->instances.size(), 1u)
      << "only what has changed";
}

wire::InstanceStatus with_many_notes(const std::string& node) {
  wire::InstanceStatus status;
  status.pipeline = "p";
  status.node = node;
  status.term = 1;
  status.pid = World::pid_of(node);
  status.state = wire::InstanceState::kRunning;
  for (uint64_t number = 1; number <= wire::kNotesMax; ++number) {
    status.notes.push_back({number, 1, std::string(wire::kErrorTextBytesMax, 'x')});
  }
  return status;
}

TEST(Agent, ALongReportComesInPartsEachAfterTheAnswerToTheLast) {
  World world;
  std::vector<wire::StartOrder> many;
  for (char c = 'a'; c < 'a' + 20; ++c) many.push_back(order(std::string(1, c)));
  world.orders(1, many);
  for (const wire::StartOrder& one : many) {
    const std::string node = one.node.name;
    world.hello("peer " + node, node);
    world.run(world.core().from_wrapper(
        "peer " + node, {"", wire::WrapperReport{with_many_notes(node)}}, world.now));
  }
  // Each second all of them, and however the broker answers.
  for (const bool answers : {true, false}) {
    world.broker_answers = answers;
    world.to_brokers.clear();
    world.tick(kHeartbeat);
    std::set<std::string> told;
    for (const wire::Message& message : world.to_brokers) {
      const auto bytes = wire::encode({"", message});
      ASSERT_TRUE(bytes) << bytes.error().what;
      EXPECT_LT(bytes->size(), 2 * wire::kPartBytesMax);
      const auto& report = std::get<wire::AgentReport>(message);
      for (const auto& status : report.instances) told.insert(status.node);
      EXPECT_EQ(report.more, told.size() < many.size());
    }
    if (answers) {
      EXPECT_EQ(told.size(), many.size());
    } else {
      EXPECT_EQ(world.to_brokers.size(), 1u);
    }
  }
  // Who does not know it yet is told the same way.
  world.to_brokers.clear();
  world.run(world.core().from_broker({"", wire::Refusal{ErrorCode::kNotFound, ""}}, 0, world.now));
  ASSERT_EQ(world.to_brokers.size(), 1u);
  EXPECT_TRUE(std::get<wire::AgentRegister>(world.to_brokers[0]).more);
  size_t told = std::get<wire::AgentRegister>(world.to_brokers[0]).instances.size();
  world.broker_answers = true;
  world.run(world.core().from_broker({"", wire::Ok{}}, 0, world.now));
  for (size_t i = 1; i < world.to_brokers.size(); ++i) {
    told += std::get<wire::AgentReport>(world.to_brokers[i]).instances.size();
  }
  EXPECT_EQ(told, many.size());
}

TEST(Agent, WrappersWaitForTheirAction) {
  World world;
  world.orders(1, {uploaded("a"), uploaded("b"), order("c")});
  // Both orders are stored, c is started, and the content is looked for once.
  EXPECT_EQ(world.done, (std::vector<std::string>{"a 0", "b 0", "c 0", "c 2", "look"}));
  world.done.clear();
  const auto& lives = world.core().lives();
  EXPECT_EQ(lives.at(key("a")).order().node.action, "/data/actions/" + kHash);
  EXPECT_EQ(lives.at(key("a")).status().last_error, "waits for action num_gen: 0 of 40 MiB");
  EXPECT_EQ(lives.at(key("a")).status().state, wire::InstanceState::kStarting);
  world.run(world.core().from_contents(kHash, ContentIs{12u << 20}, world.now));
  EXPECT_EQ(world.done, std::vector<std::string>{"fetch"});
  EXPECT_EQ(lives.at(key("b")).status().last_error, "waits for action num_gen: 12 of 40 MiB");
  world.run(
      world.core().from_broker({kHash, wire::ActionData{kHash, 12u << 20, {"x"}}}, 0, world.now));
  world.done.clear();
  world.run(world.core().from_contents(kHash, ContentIs{40u << 20}, world.now));
  EXPECT_EQ(world.done, (std::vector<std::string>{"a 2", "b 2"}));
  // A restart needs no second look.
  world.done.clear();
  world.end("a");
  EXPECT_EQ(world.done, std::vector<std::string>{"a 2"});
}

TEST(Agent, AMissingActionIsTold) {
  World world;
  world.orders(1, {uploaded("a")});
  world.run(world.core().from_contents(kHash, ContentIs{0}, world.now));
  world.run(
      world.core().from_broker({kHash, wire::Refusal{ErrorCode::kNotFound, "gone"}}, 0, world.now));
  EXPECT_EQ(world.core().lives().at(key("a")).status().last_error,
            "waits for action num_gen: 0 of 40 MiB; the broker: gone");
  // It was no word about the agent itself.
  world.tick(kHeartbeat);
  EXPECT_NE(world.last_to_broker<wire::AgentReport>(), nullptr);
}

TEST(Agent, ARecoveredOrderLooksForItsActionWithoutTheBroker) {
  World world;
  world.core().recover(uploaded("a"));
  world.tick(milliseconds(0));
  EXPECT_EQ(world.done, std::vector<std::string>{"look"});
  world.run(world.core().from_contents(kHash, ContentIs{40u << 20}, world.now));
  EXPECT_EQ(world.done, (std::vector<std::string>{"look", "a 2"}));
}

TEST(Agent, SocketsHaveTheirLimit) {
  EXPECT_TRUE((Layout{"/data", "/" + std::string(89, 'r')}.check()));
  const auto long_one = Layout{"/data", "/" + std::string(90, 'r')}.check();
  ASSERT_FALSE(long_one);
  EXPECT_EQ(long_one.error().code, ErrorCode::kLimit);
  EXPECT_EQ(kLayout.wrapper_socket(key("a")), kLayout.wrapper_socket(key("a")));
  EXPECT_NE(kLayout.wrapper_socket(key("a")), kLayout.wrapper_socket(key("b")));
}

}  // namespace
}  // namespace weir::agent
