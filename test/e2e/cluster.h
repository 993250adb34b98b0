// A whole cluster for tests, and weirctl as its user has it: broker and agents are processes of
// their own, on a port and in folders that are thrown away; wrappers and programs are real.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "test/e2e/control_cluster.h"
#include "test/e2e/harness.h"

namespace weir::e2e {

class UserCluster {
 public:
  // Starts the broker and these agents, and waits until they are connected.
  explicit UserCluster(const std::vector<std::string>& agents);

  // The processes: kill, start again, terminate.
  Cluster& processes() { return cluster_; }
  // The folder in which weirctl runs.
  Scene& scene() { return scene_; }

  // `weirctl WORDS...`, which finds the broker by WEIR_BROKER.
  Outcome run(std::vector<std::string> words);
  Command start(std::vector<std::string> words);
  CommandOptions options(std::vector<std::string> words) const;
  // The same; a failure of the test unless it ends with 0. What it has written.
  std::string out(std::vector<std::string> words);
  nlohmann::json json(std::vector<std::string> words);

  // Stores the text as a pipeline.
  void put(const std::string& text);
  std::string state(const std::string& pipeline);
  bool wait_for_state(const std::string& pipeline, const std::string& state);
  void wait_for_agents(size_t count);

 private:
  Cluster cluster_{{.real_wrappers = true, .addresses = true, .tcp_broker = true}};
  Scene scene_;
};

}  // namespace weir::e2e
