// One broker with many agents and wrappers: played ones, which speak as real ones do, over real
// sockets (program/agents.cc).
#include <algorithm>
#include <memory>

#include "test/bench/asker.h"
#include "test/bench/bench.h"
#include "test/bench/command.h"
#include "test/bench/processes.h"

namespace weir::bench {
namespace {

// Each process looks at all of its sockets in each turn, so it has not too many.
constexpr uint32_t kAgentsPerProcess = 100;
constexpr auto kLimit = std::chrono::seconds(120);
constexpr uint32_t kShortChain = 10;
// Each question is work for the broker that is measured.
constexpr auto kLook = std::chrono::milliseconds(100);

struct Size {
  uint32_t agents;
  uint32_t nodes;      // Of one pipeline.
  uint32_t pipelines;  // In all.
};

double unix_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

std::string node_name(uint32_t number) { return "n" + std::to_string(number); }

// Chains of `length` nodes, side by side.
graph::PipelineSpec chains(const std::string& name, uint32_t nodes, uint32_t length) {
  graph::PipelineSpec spec;
  spec.name = name;
  for (uint32_t i = 0; i < nodes; ++i) {
    graph::NodeSpec node;
    node.name = node_name(i);
    node.run = "cat";
    spec.nodes.push_back(node);
    if (i % length != 0) spec.edges.push_back({i - 1, i});
  }
  return spec;
}

class PlayedCluster {
 public:
  PlayedCluster(Bench& bench, const Size& size)
      : size_(size),
        endpoint_("ipc://" + bench.fresh("broker")),
        broker_(Command{.argv = {bench.program("weir-broker"), "--listen", endpoint_, "--data",
                                 bench.fresh("broker-data")},
                        .stdout_to = "",
                        .stderr_to = bench.path("broker.log"),
                        .environment = {}}),
        asker_(endpoint_) {
    // The last one is on its own: it is going to be lost.
    for (uint32_t first = 0; first + 1 < size.agents; first += kAgentsPerProcess) {
      agents_.push_back(start(bench, first, std::min(kAgentsPerProcess, size.agents - 1 - first)));
    }
    lonely_ = start(bench, size.agents - 1, 1);
    look_until("all agents are connected", [&] { return connected() == size_.agents; });
  }

  // Seconds from `pipeline.run` to its state `running`.
  double place(const graph::PipelineSpec& spec) {
    asker_.ask(wire::PipelinePut{spec});
    const auto start = Clock::now();
    asker_.ask(wire::PipelineRun{spec.name, std::nullopt, {}});
    look_until("the pipeline " + spec.name + " runs",
               [&] { return asker_.state_of(spec.name) == wire::PipelineState::kRunning; });
    return seconds_since(start);
  }

  // Cores that the broker takes while nothing but heartbeats comes, and all of them do.
  double heartbeat_cores(double window) {
    const double before = cpu_seconds(broker_.pid());
    const auto start = Clock::now();
    wait_until("time", kLimit, [&] { return seconds_since(start) >= window; });
    const double cores = (cpu_seconds(broker_.pid()) - before) / seconds_since(start);
    if (connected() != size_.agents) throw Failed("not all agents were heard");
    return cores;
  }

  // How long it took, by the broker's clock, from `agent.lost` until all that was on that agent was
  // placed anew and ran.
  double lose_one() {
    uint64_t last = 0;
    for (auto some = asker_.events(0); !some.empty(); some = asker_.events(last)) {
      last = some.back().number;
    }
    const std::string name = "agent-" + std::to_string(size_.agents - 1);
    uint32_t nodes = 0;
    for (const wire::AgentSummary& agent : asker_.status().agents) {
      if (agent.name == name) nodes = agent.instances;
    }
    if (nodes == 0) throw Failed("nothing is placed on " + name);
    lonely_.reset();
    uint64_t lost_ms = 0;
    uint32_t placed = 0;
    look_until("the lost agent's nodes are placed", [&] {
      for (const wire::Event& event : asker_.events(last)) {
        last = event.number;
        if (event.kind == "agent.lost" && event.agent == name) lost_ms = event.time_ms;
        if (event.kind == "node.placed" && lost_ms != 0) ++placed;
      }
      return placed >= nodes;
    });
    look_until("all run again", [&] {
      return std::ranges::all_of(asker_.status().pipelines, [](const auto& pipeline) {
        return pipeline.state == wire::PipelineState::kRunning;
      });
    });
    return (unix_ms() - static_cast<double>(lost_ms)) / 1e3;
  }

  double broker_mib() const {
    return static_cast<double>(peak_resident_bytes(broker_.pid())) / (1024.0 * 1024.0);
  }

 private:
  static void look_until(const std::string& what, const std::function<bool()>& condition) {
    wait_until(what, kLimit, condition, kLook);
  }

  uint32_t connected() {
    const wire::BrokerStatus status = asker_.status();
    return static_cast<uint32_t>(
        std::ranges::count(status.agents, true, &wire::AgentSummary::connected));
  }

  std::unique_ptr<Running> start(Bench& bench, uint32_t first, uint32_t count) const {
    Command command;
    command.argv = {bench.program("weir-bench-program"),
                    "agents",
                    "--broker",
                    endpoint_,
                    "--first",
                    std::to_string(first),
                    "--count",
                    std::to_string(count)};
    command.stderr_to = bench.path("agents.log");
    return std::make_unique<Running>(std::move(command));
  }

  Size size_;
  std::string endpoint_;
  Running broker_;
  Asker asker_;
  std::vector<std::unique_ptr<Running>> agents_;
  std::unique_ptr<Running> lonely_;
};

void add(Bench& bench, const std::string& what, const Samples& result, const std::string& unit,
         Target target) {
  if (result.empty()) return;
  bench.add({.row = "control",
             .what = what,
             .weir = result,
             .unit = unit,
             .result = result,
             .result_unit = unit,
             .target = target});
}

struct Figures {
  Samples chain_s;
  Samples wide_s;
  Samples cores;
  Samples lost_s;
  Samples mib;
};

void measure(Bench& bench, const Size& size, Figures& figures) {
  PlayedCluster cluster(bench, size);
  figures.chain_s.push_back(cluster.place(chains("chain", size.nodes, size.nodes)));
  figures.wide_s.push_back(cluster.place(chains("wide", size.nodes, kShortChain)));
  for (uint32_t i = 2; i < size.pipelines; ++i) {
    cluster.place(chains("more-" + std::to_string(i), size.nodes, kShortChain));
  }
  figures.cores.push_back(cluster.heartbeat_cores(bench.quick() ? 2 : 10));
  figures.lost_s.push_back(cluster.lose_one());
  figures.mib.push_back(cluster.broker_mib());
}

// What was not measured because an earlier step failed has no samples, and is left out.
void add_all(Bench& bench, const Size& size, const Figures& figures) {
  const std::string agents = std::to_string(size.agents) + " agents: ";
  const std::string nodes = std::to_string(size.nodes) + " nodes";
  const std::string wrappers = std::to_string(size.nodes * size.pipelines) + " wrappers";
  add(bench, agents + "a chain of " + nodes + ", placed and started", figures.chain_s, "s",
      at_most(10));
  add(bench, agents + nodes + " in chains of ten, likewise", figures.wide_s, "s", at_most(10));
  add(bench, agents + "heartbeats of " + wrappers + ", of one core", figures.cores, "",
      at_most(0.3));
  add(bench, agents + "one is lost: until its nodes run elsewhere", figures.lost_s, "s",
      at_most(1));
  add(bench, agents + "the broker's memory, peak", figures.mib, "MiB", {});
}

}  // namespace

void run_control_rows(Bench& bench) {
  std::vector<Size> sizes = {{30, 30, 10}};
  if (!bench.quick()) sizes = {{100, 100, 10}, {1000, 1000, 10}};
  for (const Size& size : sizes) {
    Figures figures;
    std::string failure;
    for (int run = 0; run < bench.runs(3, 1) && failure.empty(); ++run) {
      try {
        measure(bench, size, figures);
      } catch (const Failed& failed) {
        failure = failed.what();
      }
    }
    add_all(bench, size, figures);
    if (failure.empty()) continue;
    bench.add({.row = "control",
               .what = std::to_string(size.agents) + " agents: not all was measured",
               .failed = failure});
    return;  // More agents would not do better.
  }
}

}  // namespace weir::bench
