#include "test/e2e/support/network_run.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr long kChunk = 500;                 // Records that the source writes at once.
constexpr uint64_t kUnitBytesMax = 1 << 20;  // Fits into a small log.

graph::NodeSpec node(const std::string& name, const std::string& run,
                     std::vector<std::string> hosts) {
  graph::NodeSpec node;
  node.name = name;
  node.run = run;
  node.unit = graph::Unit::kBatch;
  node.hosts = std::move(hosts);
  node.max_bytes = kUnitBytesMax;
  node.retries = 1000;
  node.backoff_first = node.backoff_max = milliseconds(20);
  return node;
}

long entries(const std::string& folder) {
  std::error_code none;
  return std::distance(fs::directory_iterator(folder, none), {});
}

}  // namespace

const std::vector<std::string>& NetworkRun::agents() {
  static const std::vector<std::string> names{"alpha", "beta", "gamma"};
  return names;
}

NetworkRun::NetworkRun(std::unique_ptr<Network> network, uint64_t seed)
    : network_(std::move(network)),
      cluster_({.real_wrappers = true,
                .address_of = [this](const std::string& host) { return network_->address(host); },
                .on_host =
                    [this](const std::string& host, const std::function<void()>& work) {
                      network_->on_host(host, work);
                    }}),
      random_(seed) {
  fs::create_directory(folder("written"));
  fs::create_directory(folder("out"));
}

void NetworkRun::shape(size_t record_bytes, const std::string& pause, uint64_t log_limit_bytes) {
  record_bytes_ = record_bytes;
  pause_ = pause;
  log_limit_bytes_ = log_limit_bytes;
}

graph::PipelineSpec NetworkRun::pipeline(const Places& places) const {
  const std::string chunk = std::to_string(kChunk);
  // No number is written twice, on whatever host: only so does the ledger show what is lost with
  // one of them. It waits while it is told to hold.
  graph::NodeSpec source = node(
      "source",
      "i=1; while [ ! -e " + folder("end") + " ]; do if mkdir " + folder("written") +
          "/$i 2>/dev/null; then seq -f '%.0f" +
          (record_bytes_ == 0 ? "" : " " + std::string(record_bytes_, 'x')) + "' $i $((i + " +
          std::to_string(kChunk - 1) + ")); sleep " + pause_ + "; fi; i=$((i + " + chunk +
          ")); while [ -e " + folder("hold-") + "${WEIR_UNIT%%[.-]*} ]; do sleep 0.05; done; done",
      places.source);
  source.unit = graph::Unit::kStream;
  source.durability = graph::Durability::kDisk;
  const std::string out = folder("out");
  graph::NodeSpec sink = node(
      "sink", "cat > " + out + "/.$WEIR_UNIT && mv " + out + "/.$WEIR_UNIT " + out + "/$WEIR_UNIT",
      places.sink);
  sink.durability = graph::Durability::kDisk;
  sink.max_records = kChunk;
  graph::PipelineSpec spec;
  spec.name = "p";
  spec.nodes = {source, node("middle", "cat", places.middle), sink};
  spec.edges = {{kSource, kMiddle}, {kMiddle, kSink}};
  return spec;
}

void NetworkRun::run(const Places& places) {
  cluster_.start(agents());
  wire::PipelineRun order{"p", {}, {}};
  order.options.log_limit_bytes = log_limit_bytes_;
  ASSERT_TRUE(cluster_.ok(wire::PipelinePut{pipeline(places)}));
  ASSERT_TRUE(cluster_.ok(order));
  ASSERT_TRUE(wait("records flow", [&] { return units() > 5; }));
}

void NetworkRun::hold_source(uint64_t term, bool hold) const {
  const std::string path = folder("hold-") + std::to_string(term);
  if (hold) {
    std::ofstream(path).put('\n');
  } else {
    fs::remove(path);
  }
}

void NetworkRun::cut(const std::string& host, const std::vector<std::string>& others) {
  for (const std::string& other : others) network_->set_both(host, other, {.cut = true});
}

std::vector<std::string> NetworkRun::others(const std::string& host) {
  std::vector<std::string> rest = agents();
  rest.emplace_back("broker");
  std::erase(rest, host);
  return rest;
}

void NetworkRun::pass(milliseconds time, const std::function<void()>& look) {
  const auto end = Clock::now() + time;
  wait("some time passes", [&] {
    if (look) look();
    return Clock::now() >= end;
  });
}

double NetworkRun::wait_for_records() {
  const auto begin = Clock::now();
  const long before = units();
  wait("records flow again", [&] { return units() > before + 2; });
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

milliseconds NetworkRun::between(int from_ms, int to_ms) {
  return milliseconds(std::uniform_int_distribution<>(from_ms, to_ms)(random_));
}

bool NetworkRun::was_moved() {
  const wire::PipelineStatus status = cluster_.status();
  return std::any_of(status.nodes.begin(), status.nodes.end(), [](const wire::NodeStatus& node) {
    return node.instances.at(0).status.term != 1;
  });
}

long NetworkRun::units() const { return entries(folder("out")); }

int64_t NetworkRun::records_written() const { return entries(folder("written")) * kChunk; }

Ledger NetworkRun::finish() {
  std::ofstream(folder("end")).put('\n');
  cluster_.wait_for_state(wire::PipelineState::kCompleted);
  return ledger();
}

Ledger NetworkRun::ledger() const {
  std::vector<long> written;
  for (const auto& entry : fs::directory_iterator(folder("written"))) {
    const long first = std::stol(entry.path().filename());
    for (long i = first; i < first + kChunk; ++i) written.push_back(i);
  }
  return ledger_of(folder("out"), written);
}

}  // namespace weir::e2e
