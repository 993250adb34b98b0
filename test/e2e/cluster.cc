#include "test/e2e/cluster.h"

#include <algorithm>

namespace weir::e2e {

UserCluster::UserCluster(const std::vector<std::string>& agents) {
  cluster_.start_broker();
  for (const std::string& agent : agents) cluster_.start_agent(agent);
  wait_for_agents(agents.size());
}

CommandOptions UserCluster::options(std::vector<std::string> words) const {
  CommandOptions options = scene_.weirctl(std::move(words));
  options.environment = {"WEIR_BROKER=" + cluster_.broker_endpoint(), "HOME=" + scene_.folder()};
  return options;
}

Outcome UserCluster::run(std::vector<std::string> words) {
  return scene_.run(options(std::move(words)));
}

Command UserCluster::start(std::vector<std::string> words) {
  return scene_.start(options(std::move(words)));
}

std::string UserCluster::out(std::vector<std::string> words) {
  std::string command;
  for (const std::string& word : words) command += " " + word;
  const Outcome outcome = run(std::move(words));
  EXPECT_EQ(outcome.code, 0) << "weirctl" << command << ": " << outcome.err;
  return outcome.out;
}

nlohmann::json UserCluster::json(std::vector<std::string> words) {
  words.insert(words.end(), {"-o", "json"});
  const std::string text = out(std::move(words));
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << text;
  return json;
}

void UserCluster::put(const std::string& text) {
  scene_.write("put.toml", text);
  out({"pipeline", "put", "put.toml"});
}

std::string UserCluster::state(const std::string& pipeline) {
  return std::string(wire::to_string(cluster_.status(pipeline).state));
}

bool UserCluster::wait_for_state(const std::string& pipeline, const std::string& wanted) {
  return cluster_.wait(pipeline + " is " + wanted, [&] { return state(pipeline) == wanted; });
}

void UserCluster::wait_for_agents(size_t count) {
  cluster_.wait("the agents are connected", [&] {
    const auto answer = cluster_.ask(wire::BrokerStatusRequest{});
    const auto* status = std::get_if<wire::BrokerStatus>(&answer);
    return status != nullptr &&
           std::count_if(status->agents.begin(), status->agents.end(),
                         [](const auto& a) { return a.connected; }) == static_cast<long>(count);
  });
}

}  // namespace weir::e2e
