#include "test/e2e/support/cluster.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "schema/runtime/process_tree.h"

namespace weir::e2e {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kAnswerLimit = std::chrono::milliseconds(500);
constexpr auto kPoll = std::chrono::milliseconds(5);

}  // namespace

ClusterOptions user_cluster(std::vector<std::string> agents) {
  return {
      .real_wrappers = true, .addresses = true, .tcp_broker = true, .agents = std::move(agents)};
}

Cluster::Cluster(ClusterOptions options) : options_(std::move(options)), context_(1) {
  runtime::become_subreaper();
  endpoint_ = options_.tcp_broker ? "tcp://127.0.0.1:*" : "ipc://" + folder() + "/broker";
  if (options_.address_of) {
    endpoint_ = "tcp://" + options_.address_of("broker") + ":7700";
  }
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  lifeline_read_.reset(ends[0]);
  lifeline_write_.reset(ends[1]);
  if (!options_.agents.empty()) start(options_.agents);
}

Cluster::~Cluster() {
  close_lifeline();
  for (auto& [name, process] : processes_) {
    EXPECT_TRUE(process.wait(kWaitLimit).in_time) << name << " does not end";
  }
  // Adopted wrappers are nobody's children but ours.
  wait("no orphans", [] { return runtime::reap_inherited() == 0; });
  runtime::kill_inherited();
}

void Cluster::start_process(const std::string& name, std::vector<std::string> argv) {
  CommandOptions options;
  options.argv = std::move(argv);
  options.argv.insert(options.argv.end(), {"--lifeline-fd", "3"});
  options.fds = {{lifeline_read_.get(), 3}};
  options.stderr_file = scene_.path(name + ".log");
  if (const auto armed = armed_.find(name); armed != armed_.end()) {
    options.environment.push_back("WEIR_FAILPOINT=" + armed->second);
    armed_.erase(armed);
  }
  const auto spawn = [&] { processes_.insert_or_assign(name, scene_.start(std::move(options))); };
  if (!options_.on_host) return spawn();
  options_.on_host(name, spawn);
}

void Cluster::start(const std::vector<std::string>& agents) {
  start_broker();
  for (const std::string& agent : agents) start_agent(agent);
  wait_for_agents(agents.size());
}

void Cluster::start_broker() {
  std::vector<std::string> argv{WEIR_BROKER, "--listen", endpoint_, "--data",
                                folder() + "/broker-data"};
  if (options_.address_of) argv.emplace_back("--insecure");
  start_process("broker", std::move(argv));
  if (!endpoint_.ends_with("*")) return;
  const std::string mark = "listens at ";
  wait("the broker has a port", [&] {
    std::ifstream log(folder() + "/broker.log");
    for (std::string line; std::getline(log, line);) {
      const size_t at = line.find(mark);
      if (at != std::string::npos && !log.eof()) endpoint_ = line.substr(at + mark.size());
    }
    return !endpoint_.ends_with("*");
  });
}

void Cluster::start_agent(const std::string& name) { start_agent_as(name, name); }

void Cluster::start_agent_as(const std::string& process, const std::string& name,
                             const std::string& log_level) {
  std::vector<std::string> argv{WEIR_AGENT,
                                "--name",
                                name,
                                "--broker",
                                endpoint_,
                                "--data",
                                layout(process).data_dir,
                                "--run-dir",
                                layout(process).run_dir,
                                "--log-level",
                                log_level};
  if (!options_.real_wrappers) argv.insert(argv.end(), {"--wrapper", WEIR_FAKE_WRAPPER});
  if (options_.addresses) argv.insert(argv.end(), {"--address", "127.0.0.1"});
  if (options_.address_of) {
    argv.insert(argv.end(), {"--address", options_.address_of(name), "--insecure"});
  }
  start_process(process, std::move(argv));
}

void Cluster::arm(const std::string& process, const std::string& failpoint) {
  armed_[process] = failpoint;
}

void Cluster::revive() {
  std::vector<std::string> dead;
  for (const auto& [name, process] : processes_) {
    if (!process.running()) dead.push_back(name);
  }
  for (const std::string& name : dead) {
    processes_.at(name).wait();
    processes_.erase(name);
    if (name == "broker") {
      start_broker();
    } else {
      start_agent(name);
    }
  }
  revived_ += static_cast<int>(dead.size());
}

agent::Layout Cluster::layout(const std::string& agent) const {
  return {folder() + "/data-" + agent, folder() + "/run-" + agent};
}

void Cluster::kill(const std::string& process) {
  processes_.at(process).kill();
  processes_.erase(process);
}

std::vector<pid_t> Cluster::wrappers_of(const std::string& agent) const {
  std::vector<pid_t> found;
  for (const Process& process : scene_.processes_with(layout(agent).orders_dir() + "/")) {
    found.push_back(process.pid);
  }
  return found;
}

void Cluster::signal_host(const std::string& agent, int signal) {
  if (signal == SIGKILL) {
    kill(agent);
  } else {
    processes_.at(agent).signal(signal);
  }
  for (const pid_t pid : wrappers_of(agent)) ::kill(pid, signal);
}

void Cluster::terminate(const std::string& process) { processes_.at(process).signal(SIGTERM); }

int Cluster::wait_for_exit(const std::string& process) {
  const Outcome outcome = processes_.at(process).wait(kWaitLimit);
  processes_.erase(process);
  EXPECT_TRUE(outcome.in_time) << process << " does not end";
  return outcome.code;
}

bool Cluster::wait_for_agents(size_t count) {
  return wait(std::to_string(count) + " agents are connected", [&] {
    const wire::Message answer = ask(wire::BrokerStatusRequest{});
    const auto* const status = std::get_if<wire::BrokerStatus>(&answer);
    return status != nullptr && std::count_if(status->agents.begin(), status->agents.end(),
                                              [](const auto& agent) { return agent.connected; }) ==
                                    static_cast<std::ptrdiff_t>(count);
  });
}

wire::Message Cluster::ask(const wire::Message& question) {
  return ask_as("test-" + std::to_string(::getpid()) + "-" + std::to_string(++last_request_),
                question);
}

wire::Message Cluster::ask_as(const std::string& request, const wire::Message& question) {
  const auto bytes = wire::encode({request, question});
  EXPECT_TRUE(bytes);
  const auto deadline = Clock::now() + kWaitLimit;
  while (Clock::now() < deadline) {
    if (!socket_) {
      socket_.emplace(std::move(*runtime::ZmqSocket::dealer(context_, {})));
      EXPECT_TRUE(socket_->connect(endpoint_));
    }
    EXPECT_TRUE(socket_->send({*bytes}));
    const auto answer_by = Clock::now() + kAnswerLimit;
    std::vector<runtime::Message> parts;
    while (Clock::now() < answer_by) {
      socket_->wait(kPoll);
      auto got = socket_->receive(parts);
      if (!got || !*got) continue;
      auto envelope = wire::decode(parts.at(0).view());
      EXPECT_TRUE(envelope);
      if (envelope && envelope->request == request) return envelope->message;
    }
    socket_.reset();
    revive();
  }
  ADD_FAILURE() << "no answer to " << wire::type_name(question);
  return wire::Refusal{ErrorCode::kTimeout, "no answer"};
}

bool Cluster::ok(const wire::Message& question) {
  const wire::Message answer = ask(question);
  if (const auto* refusal = std::get_if<wire::Refusal>(&answer)) {
    ADD_FAILURE() << wire::type_name(question) << ": " << refusal->what;
  }
  return std::holds_alternative<wire::Ok>(answer);
}

bool Cluster::has_event(const std::string& kind) {
  const wire::Message answer = ask(wire::EventsRequest{});
  const auto* const events = std::get_if<wire::Events>(&answer);
  return events != nullptr &&
         std::any_of(events->events.begin(), events->events.end(),
                     [&](const wire::Event& event) { return event.kind == kind; });
}

wire::PipelineStatus Cluster::status(const std::string& pipeline) {
  const wire::Message answer = ask(wire::PipelineStatusRequest{pipeline});
  if (const auto* status = std::get_if<wire::PipelineStatus>(&answer)) return *status;
  return {};
}

bool Cluster::wait(const std::string& what, const std::function<bool()>& condition) {
  return wait_for(what + "; see " + folder(), condition);
}

bool Cluster::kill_wrapper(const std::string& node, const std::string& pipeline) {
  for (const wire::NodeStatus& one : status(pipeline).nodes) {
    const int64_t pid = one.name == node ? one.instances.at(0).status.pid : 0;
    if (pid > 0) return ::kill(static_cast<pid_t>(pid), SIGKILL) == 0;
  }
  return false;
}

bool Cluster::wait_for_state(wire::PipelineState state, const std::string& pipeline) {
  wire::PipelineStatus last;
  const bool came = wait(pipeline + " is " + std::string(wire::to_string(state)), [&] {
    last = status(pipeline);
    return last.state == state;
  });
  if (!came) ADD_FAILURE() << "it is " << wire::to_string(last.state) << ": " << last.reason;
  return came;
}

graph::PipelineSpec Cluster::chain(const std::vector<std::pair<std::string, std::string>>& nodes) {
  graph::PipelineSpec spec;
  spec.name = "p";
  for (const auto& [name, command] : nodes) {
    graph::NodeSpec node;
    node.name = name;
    node.run = command;
    spec.nodes.push_back(node);
    const auto index = static_cast<uint32_t>(spec.nodes.size() - 1);
    if (index > 0) spec.edges.push_back({index - 1, index});
  }
  return spec;
}

void Cluster::put_and_run(const std::vector<std::pair<std::string, std::string>>& nodes) {
  EXPECT_TRUE(std::holds_alternative<wire::Ok>(ask(wire::PipelinePut{chain(nodes)})));
  const wire::ReaderOrder weirctl{"weirctl.0", "ipc://" + folder() + "/weirctl"};
  EXPECT_TRUE(std::holds_alternative<wire::Ok>(ask(wire::PipelineRun{"p", weirctl, {}})));
}

std::vector<std::string> Cluster::lines(const std::string& agent, const std::string& node,
                                        const std::string& file) const {
  // Of the newest log: their folders' names end with their terms.
  const std::filesystem::path first = layout(agent).first_log_dir({"p", node, 0, 0});
  std::filesystem::path newest = first;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(first.parent_path(), none)) {
    const std::string name = entry.path().filename();
    const bool same = name.starts_with(first.filename().string() + "-");
    if (same && entry.path() > newest) newest = entry.path();
  }
  std::ifstream stream(newest.string() + "/" + file);
  std::vector<std::string> all;
  for (std::string line; std::getline(stream, line);) all.push_back(line);
  return all;
}

// ---- weirctl

CommandOptions Cluster::weirctl(std::vector<std::string> words) const {
  CommandOptions options = scene_.weirctl(std::move(words));
  options.environment = {"WEIR_BROKER=" + broker_endpoint(), "HOME=" + folder()};
  return options;
}

std::string Cluster::out(std::vector<std::string> words) {
  std::string command;
  for (const std::string& word : words) command += " " + word;
  const Outcome outcome = run(std::move(words));
  EXPECT_EQ(outcome.code, 0) << "weirctl" << command << ": " << outcome.err;
  return outcome.out;
}

nlohmann::json Cluster::json(std::vector<std::string> words) {
  words.insert(words.end(), {"-o", "json"});
  const std::string text = out(std::move(words));
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << text;
  return json;
}

void Cluster::put(const std::string& text) {
  scene_.write("put.toml", text);
  out({"pipeline", "put", "put.toml"});
}

std::string Cluster::state(const std::string& pipeline) {
  return std::string(wire::to_string(status(pipeline).state));
}

bool Cluster::wait_for_state(const std::string& pipeline, const std::string& wanted) {
  return wait(pipeline + " is " + wanted, [&] { return state(pipeline) == wanted; });
}

}  // namespace weir::e2e
