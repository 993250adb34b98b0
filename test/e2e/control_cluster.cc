#include "test/e2e/control_cluster.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "schema/runtime/process_tree.h"
#include "test/e2e/sanitizer.h"

namespace weir::e2e {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kAnswerLimit = std::chrono::milliseconds(500);
constexpr auto kPoll = std::chrono::milliseconds(5);

}  // namespace

Cluster::Cluster(ClusterOptions options) : options_(std::move(options)), context_(1) {
  runtime::become_subreaper();
  std::string pattern = "/tmp/weir-e2e-XXXXXX";
  folder_ = ::mkdtemp(pattern.data());
  endpoint_ = options_.tcp_broker ? "tcp://127.0.0.1:*" : "ipc://" + folder_ + "/broker";
  if (options_.address_of) {
    endpoint_ = "tcp://" + options_.address_of("broker") + ":7700";
  }
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  lifeline_read_.reset(ends[0]);
  lifeline_write_.reset(ends[1]);
}

Cluster::~Cluster() {
  close_lifeline();
  for (auto& [name, child] : processes_) {
    EXPECT_TRUE(runtime::reap_within(child, kLimit)) << name;
  }
  // Adopted wrappers are nobody's children but ours.
  wait("no orphans", [] { return runtime::reap_inherited() == 0; });
  runtime::kill_inherited();
  EXPECT_EQ(sanitizer_reports(folder_), "");
  if (!::testing::Test::HasFailure()) std::filesystem::remove_all(folder_);
}

void Cluster::start(const std::string& name, std::vector<std::string> argv) {
  runtime::SpawnOptions options;
  options.program = argv[0];
  argv.insert(argv.end(), {"--lifeline-fd", "3"});
  options.argv = std::move(argv);
  options.environment = sanitizer_environment(folder_);
  options.fds = {{lifeline_read_.get(), 3}};
  const std::string log = folder_ + "/" + name + ".log";
  const UniqueFd output(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  options.fds.push_back({output.get(), 2});
  if (const auto armed = armed_.find(name); armed != armed_.end()) {
    options.environment.push_back("WEIR_FAILPOINT=" + armed->second);
    armed_.erase(armed);
  }
  const auto spawn = [&] {
    auto child = runtime::spawn(options);
    ASSERT_TRUE(child) << child.error().what;
    processes_[name] = std::move(*child);
  };
  if (!options_.on_host) return spawn();
  options_.on_host(name, spawn);
}

void Cluster::start_broker() {
  std::vector<std::string> argv{WEIR_BROKER, "--listen", endpoint_, "--data",
                                folder_ + "/broker-data"};
  if (options_.address_of) argv.emplace_back("--insecure");
  start("broker", std::move(argv));
  if (!endpoint_.ends_with("*")) return;
  const std::string mark = "listens at ";
  wait("the broker has a port", [&] {
    std::ifstream log(folder_ + "/broker.log");
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
  start(process, std::move(argv));
}

void Cluster::arm(const std::string& process, const std::string& failpoint) {
  armed_[process] = failpoint;
}

void Cluster::revive() {
  std::vector<std::string> dead;
  for (auto& [name, child] : processes_) {
    const auto status = runtime::try_reap(child.pid);
    if (status && *status) dead.push_back(name);
  }
  for (const std::string& name : dead) {
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
  return {folder_ + "/data-" + agent, folder_ + "/run-" + agent};
}

void Cluster::kill(const std::string& process) {
  runtime::Child child = std::move(processes_.at(process));
  processes_.erase(process);
  EXPECT_TRUE(runtime::signal_pidfd(child.pidfd, SIGKILL));
  EXPECT_TRUE(runtime::reap_within(child, kLimit));
}

std::vector<pid_t> Cluster::wrappers_of(const std::string& agent) const {
  const std::string mark = layout(agent).orders_dir() + "/";
  std::vector<pid_t> found;
  std::error_code failure;
  for (std::filesystem::directory_iterator it("/proc", failure), end; it != end;
       it.increment(failure)) {
    const std::string name = it->path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream stream("/proc/" + name + "/cmdline");
    std::ostringstream words;
    words << stream.rdbuf();  // It may go while it is read.
    if (words.str().find(mark) != std::string::npos) found.push_back(std::stoi(name));
  }
  return found;
}

void Cluster::signal_host(const std::string& agent, int signal) {
  if (signal == SIGKILL) {
    kill(agent);
  } else {
    ASSERT_EQ(::kill(processes_.at(agent).pid, signal), 0);
  }
  for (const pid_t pid : wrappers_of(agent)) ::kill(pid, signal);
}

void Cluster::terminate(const std::string& process) {
  EXPECT_TRUE(runtime::signal_pidfd(processes_.at(process).pidfd, SIGTERM));
}

int Cluster::wait_for_exit(const std::string& process) {
  runtime::Child child = std::move(processes_.at(process));
  processes_.erase(process);
  auto status = runtime::reap_within(child, kLimit);
  EXPECT_TRUE(status) << process << " does not end";
  return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
}

wire::Message Cluster::ask(const wire::Message& question) {
  return ask_as("test-" + std::to_string(::getpid()) + "-" + std::to_string(++last_request_),
                question);
}

wire::Message Cluster::ask_as(const std::string& request, const wire::Message& question) {
  const auto bytes = wire::encode({request, question});
  EXPECT_TRUE(bytes);
  const auto deadline = Clock::now() + kLimit;
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

wire::PipelineStatus Cluster::status(const std::string& pipeline) {
  const wire::Message answer = ask(wire::PipelineStatusRequest{pipeline});
  if (const auto* status = std::get_if<wire::PipelineStatus>(&answer)) return *status;
  return {};
}

bool Cluster::wait(const std::string& what, const std::function<bool()>& condition) {
  const auto deadline = Clock::now() + kLimit;
  while (!condition()) {
    if (Clock::now() >= deadline) {
      ADD_FAILURE() << "waited in vain for: " << what << "; see " << folder_;
      return false;
    }
    ::poll(nullptr, 0, static_cast<int>(kPoll.count()));
  }
  return true;
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
  const wire::ReaderOrder weirctl{"weirctl.0", "ipc://" + folder_ + "/weirctl"};
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

}  // namespace weir::e2e
