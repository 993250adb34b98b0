// One pipeline on hosts that a network joins, and a ledger of what its source wrote and its sink
// kept, for tests that break the network.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "test/e2e/support/cluster.h"
#include "test/e2e/support/ledger.h"
#include "test/e2e/support/network.h"

namespace weir::e2e {

struct Places {
  std::vector<std::string> source{"alpha"};
  std::vector<std::string> middle{"beta", "gamma"};
  std::vector<std::string> sink{"alpha"};
};

enum : size_t { kSource, kMiddle, kSink };

class NetworkRun {
 public:
  static const std::vector<std::string>& agents();

  NetworkRun(std::unique_ptr<Network> network, uint64_t seed);

  // source ; middle ; sink. Returns when records flow.
  void run(const Places& places);
  // With these records: their size, and the pause after each 500 of them. Before run().
  void shape(size_t record_bytes, const std::string& pause, uint64_t log_limit_bytes = 0);
  // The source of this term writes nothing more; false: it goes on.
  void hold_source(uint64_t term, bool hold) const;

  // Beta from the broker and the other agents, and so on: both ways.
  void cut(const std::string& host, const std::vector<std::string>& others);
  // All but the console, which only asks.
  static std::vector<std::string> others(const std::string& host);

  // Waits for this long, and looks meanwhile at what must be so all the time.
  void pass(std::chrono::milliseconds time, const std::function<void()>& look = nullptr);
  bool wait(const std::string& what, const std::function<bool()>& condition) {
    return cluster_.wait(what, condition);
  }
  // Until new records reach the sink. How long it took.
  double wait_for_records();
  std::chrono::milliseconds between(int from_ms, int to_ms);

  wire::InstanceReport instance(size_t node) {
    return cluster_.status().nodes.at(node).instances.at(0);
  }
  bool was_moved();
  long units() const;  // That the sink has kept.
  // By the source, or soon.
  int64_t records_written() const;
  int64_t bytes_written() const { return records_written() * static_cast<int64_t>(record_bytes_); }
  bool has_wrappers(const std::string& agent) const { return !cluster_.wrappers_of(agent).empty(); }

  // The source ends, and everything comes to its end.
  Ledger finish();

  Network& network() { return *network_; }
  Cluster& cluster() { return cluster_; }

 private:
  graph::PipelineSpec pipeline(const Places& places) const;
  std::string folder(const char* name) const { return cluster_.folder() + "/" + name; }
  Ledger ledger() const;

  std::unique_ptr<Network> network_;
  Cluster cluster_;
  std::mt19937_64 random_;
  size_t record_bytes_ = 0;
  std::string pause_ = "0.03";
  uint64_t log_limit_bytes_ = 0;
};

}  // namespace weir::e2e
