// A cluster of real processes for tests: broker and agents in the folders of a Scene, with the real
// wrappers or with fake ones that only speak. The test holds the lifeline, restarts what was
// killed, asks the broker itself, or types what a user would.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/layout.h"
#include "schema/runtime/zmq_socket.h"
#include "schema/wire/control.h"
#include "test/e2e/support/scene.h"

namespace weir::e2e {

struct ClusterOptions {
  bool real_wrappers = false;
  bool addresses = false;   // Agents are at 127.0.0.1, so that edges between them are TCP.
  bool tcp_broker = false;  // The broker listens at 127.0.0.1, at a port that it keeps.
  // Each process is on a host of its own, which has its name and this address, instead of both.
  std::function<std::string(const std::string& host)> address_of = nullptr;
  // Does this there.
  std::function<void(const std::string& host, const std::function<void()>& work)> on_host = nullptr;
  // Started at once, after the broker, and waited for.
  std::vector<std::string> agents{};
};

// A cluster as its user has it, with weirctl as what talks to it.
ClusterOptions user_cluster(std::vector<std::string> agents);

class Cluster {
 public:
  explicit Cluster(ClusterOptions options = {});
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster();

  // The broker and these agents; returns when they are connected.
  void start(const std::vector<std::string>& agents);
  void start_broker();
  void start_agent(const std::string& name);
  // Another agent that calls itself `name`, with folders of its own; `process` is what tests call
  // it.
  void start_agent_as(const std::string& process, const std::string& name,
                      const std::string& log_level = "info");
  // The next start of this process kills itself there; see schema/base/failpoint.h.
  void arm(const std::string& process, const std::string& failpoint);
  // Starts again, with nothing armed, what died by itself.
  void revive();
  // How often that was.
  int revived() const { return revived_; }
  // kill -9, and reaps. By the names "broker" and the agents'.
  void kill(const std::string& process);
  void terminate(const std::string& process);
  // All that an agent's host runs of weir: the agent and its wrappers. With SIGKILL the programs go
  // too; the agent is reaped.
  void signal_host(const std::string& agent, int signal);
  // The wrappers that run with this agent's folders.
  std::vector<pid_t> wrappers_of(const std::string& agent) const;
  // Asks nicely and waits; the exit status.
  int wait_for_exit(const std::string& process);
  void close_lifeline() { lifeline_write_.reset(); }
  // Until so many are connected to the broker.
  bool wait_for_agents(size_t count);

  // Sends, and sends again with the same id, until there is an answer; what dies of it is revived.
  wire::Message ask(const wire::Message& question);
  wire::Message ask_as(const std::string& request, const wire::Message& question);
  bool ok(const wire::Message& question);
  wire::PipelineStatus status(const std::string& pipeline = "p");
  // One of this kind is among the first thousand.
  bool has_event(const std::string& kind);
  // As wait_for() of wait.h; the failure names the folder.
  bool wait(const std::string& what, const std::function<bool()>& condition);
  bool wait_for_state(wire::PipelineState state, const std::string& pipeline = "p");
  // kill -9 of the wrapper of a node, when there is one.
  bool kill_wrapper(const std::string& node, const std::string& pipeline = "p");

  // A pipeline "p" whose nodes have these commands, each feeding the next.
  void put_and_run(const std::vector<std::pair<std::string, std::string>>& nodes);
  static graph::PipelineSpec chain(const std::vector<std::pair<std::string, std::string>>& nodes);

  // `weirctl WORDS...` in the scene's folder, which finds the broker by WEIR_BROKER: its options,
  // run to its end, begun.
  CommandOptions weirctl(std::vector<std::string> words) const;
  Outcome run(std::vector<std::string> words) { return scene_.run(weirctl(std::move(words))); }
  Command begin(std::vector<std::string> words) { return scene_.start(weirctl(std::move(words))); }
  // What it has written; a failure of the test unless it ends with 0.
  std::string out(std::vector<std::string> words);
  nlohmann::json json(std::vector<std::string> words);
  // Stores the text as a pipeline.
  void put(const std::string& text);
  std::string state(const std::string& pipeline);
  bool wait_for_state(const std::string& pipeline, const std::string& state);

  agent::Layout layout(const std::string& agent) const;
  // Lines of a file that the fake wrapper left.
  std::vector<std::string> lines(const std::string& agent, const std::string& node,
                                 const std::string& file) const;
  // Of the broker, or of an agent.
  pid_t pid(const std::string& process) const { return processes_.at(process).pid(); }
  Scene& scene() { return scene_; }
  const std::string& folder() const { return scene_.folder(); }
  const std::string& broker_endpoint() const { return endpoint_; }

 private:
  void start_process(const std::string& name, std::vector<std::string> argv);

  ClusterOptions options_;
  Scene scene_;
  std::string endpoint_;  // Where the broker listens, or will.
  std::map<std::string, std::string> armed_;
  int revived_ = 0;
  UniqueFd lifeline_read_;
  UniqueFd lifeline_write_;
  std::map<std::string, Command> processes_;
  runtime::ZmqContext context_;
  std::optional<runtime::ZmqSocket> socket_;
  int last_request_ = 0;
};

}  // namespace weir::e2e
