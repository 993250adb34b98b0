// One real agent with a thousand wrappers, all started at once: how long that takes, and whether it
// is heard meanwhile. The wrappers are stand-ins (program/wrapper.cc).
#include <algorithm>
#include <memory>

#include "test/bench/asker.h"
#include "test/bench/bench.h"
#include "test/bench/command.h"
#include "test/bench/processes.h"

namespace weir::bench {
namespace {

constexpr auto kLimit = std::chrono::seconds(300);
constexpr auto kLook = std::chrono::milliseconds(50);
constexpr uint32_t kChain = 10;

// Side by side, in chains of ten.
graph::PipelineSpec chains(uint32_t nodes) {
  graph::PipelineSpec spec;
  spec.name = "many";
  for (uint32_t i = 0; i < nodes; ++i) {
    graph::NodeSpec node;
    node.name = "n" + std::to_string(i);
    node.run = "cat";
    spec.nodes.push_back(node);
    if (i % kChain != 0) spec.edges.push_back({i - 1, i});
  }
  return spec;
}

struct Figures {
  Samples start_s;
  Samples silence_s;
  Samples cores;
  Samples again_s;
  Samples mib;
};

class OneAgent {
 public:
  OneAgent(Bench& bench, uint32_t nodes)
      : bench_(bench),
        nodes_(nodes),
        endpoint_("ipc://" + bench.fresh("broker")),
        broker_(Command{.argv = {bench.program("weir-broker"), "--listen", endpoint_, "--data",
                                 bench.fresh("broker-data")},
                        .stdout_to = "",
                        .stderr_to = bench.path("broker.log"),
                        .environment = {}}),
        asker_(endpoint_),
        data_(bench.fresh("agent-data")) {
    start_agent();
  }
  ~OneAgent() {
    if (agent_) agent_->terminate(std::chrono::seconds(60));
  }

  void measure(Figures& figures) {
    look_until("the agent is connected", [&] { return !asker_.status().agents.empty(); });
    asker_.ask(wire::PipelinePut{chains(nodes_)});
    auto begun = Clock::now();
    asker_.ask(wire::PipelineRun{"many", std::nullopt, {}});
    uint64_t silence_ms = wait_until_it_runs();
    figures.start_s.push_back(seconds_since(begun));
    figures.silence_s.push_back(static_cast<double>(silence_ms) / 1e3);
    figures.cores.push_back(cores(bench_.quick() ? 2 : 5));
    figures.mib.push_back(static_cast<double>(peak_resident_bytes(agent_->pid())) /
                          (1024.0 * 1024.0));
    // All of them at once, from orders on the disk.
    agent_->terminate(std::chrono::seconds(60));
    begun = Clock::now();
    start_agent();
    look_until("the agent is connected", [&] {
      const auto agents = asker_.status().agents;
      return agents.at(0).connected && agents.at(0).heard_ms_ago < 500;
    });
    (void)wait_until_it_runs();
    figures.again_s.push_back(seconds_since(begun));
  }

 private:
  static void look_until(const std::string& what, const std::function<bool()>& condition) {
    wait_until(what, kLimit, condition, kLook);
  }

  void start_agent() {
    agent_.reset();
    agent_ = std::make_unique<Running>(
        Command{.argv = {bench_.program("weir-agent"), "--name", "alpha", "--broker", endpoint_,
                         "--data", data_, "--run-dir", bench_.path("run"), "--wrapper",
                         bench_.program("weir-bench-wrapper"), "--log-level", "warn"},
                .stdout_to = "",
                .stderr_to = bench_.path("agent.log"),
                .environment = {}});
  }

  // How long the broker did not hear the agent meanwhile, at most.
  uint64_t wait_until_it_runs() {
    uint64_t longest_ms = 0;
    look_until("the pipeline runs", [&] {
      const wire::BrokerStatus status = asker_.status();
      longest_ms = std::max(longest_ms, status.agents.at(0).heard_ms_ago);
      return status.pipelines.at(0).state == wire::PipelineState::kRunning &&
             status.pipelines.at(0).instances_up == nodes_;
    });
    return longest_ms;
  }

  double cores(double window) {
    const double before = cpu_seconds(agent_->pid());
    const auto begun = Clock::now();
    wait_until("time", kLimit, [&] { return seconds_since(begun) >= window; });
    return (cpu_seconds(agent_->pid()) - before) / seconds_since(begun);
  }

  Bench& bench_;
  uint32_t nodes_;
  std::string endpoint_;
  Running broker_;
  Asker asker_;
  std::string data_;
  std::unique_ptr<Running> agent_;
};

void add(Bench& bench, const std::string& what, const Samples& result, const std::string& unit,
         Target target) {
  if (result.empty()) return;
  bench.add({.row = "agent",
             .what = what,
             .weir = result,
             .unit = unit,
             .result = result,
             .result_unit = unit,
             .target = target});
}

}  // namespace

void run_agent_rows(Bench& bench) {
  const uint32_t nodes = bench.quick() ? 100 : 1000;
  Figures figures;
  for (int run = 0; run < bench.runs(3, 1); ++run) OneAgent(bench, nodes).measure(figures);
  const std::string who = "one agent, " + std::to_string(nodes) + " nodes in chains of ten: ";
  add(bench, who + "placed and started", figures.start_s, "s", at_most(30));
  add(bench, who + "longest time not heard meanwhile", figures.silence_s, "s", at_most(2));
  add(bench, who + "the agent at rest, of one core", figures.cores, "", at_most(0.5));
  add(bench, who + "started again by a new agent", figures.again_s, "s", at_most(30));
  add(bench, who + "the agent's memory, peak", figures.mib, "MiB", {});
}

}  // namespace weir::bench
