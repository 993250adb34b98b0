#include "ctl/cluster/needs.h"

#include <algorithm>
#include <map>

#include "schema/config/reporter.h"
#include "schema/config/toml_document.h"
#include "schema/graph/builtin.h"
#include "schema/graph/suggest.h"

namespace weir::ctl {
namespace {

// What stands in a node's table, found again in the text.
class NodeTexts {
 public:
  explicit NodeTexts(const graph::Source& source) : root_(config::parse_toml(source)) {}

  // The value of a key of this node, or an element of it; null if it stands nowhere.
  const config::TomlValue* value(const std::string& node, std::string_view key) const {
    const config::TomlValue* at = root_ ? root_.value->find("node") : nullptr;
    if (at != nullptr) at = at->find(node);
    return at == nullptr ? nullptr : at->find(key);
  }
  const config::TomlValue* host(const std::string& node, size_t index) const {
    const config::TomlValue* const hosts = value(node, "hosts");
    return hosts == nullptr || index >= hosts->items.size() ? nullptr : &hosts->items[index];
  }

 private:
  graph::Checked<config::TomlValue> root_;
};

void report(config::Reporter& reporter, const config::TomlValue* at, std::string message,
            std::string hint) {
  if (at == nullptr) return reporter.overall(std::move(message), std::move(hint));
  reporter.at(at->at, std::move(message), std::move(hint));
}

}  // namespace

std::vector<MissingHost> missing_hosts(const graph::PipelineSpec& spec,
                                       const std::vector<wire::AgentSummary>& agents) {
  std::map<std::string, bool> connected;
  std::vector<std::string> names;
  for (const wire::AgentSummary& agent : agents) {
    connected[agent.name] = agent.connected;
    names.push_back(agent.name);
  }
  const auto is_up = [&](const std::string& host) {
    const auto found = connected.find(host);
    return found != connected.end() && found->second;
  };
  const bool any_up =
      std::any_of(agents.begin(), agents.end(), [](const auto& agent) { return agent.connected; });
  std::vector<MissingHost> missing;
  for (uint32_t i = 0; i < spec.nodes.size(); ++i) {
    const std::vector<std::string>& hosts = spec.nodes[i].hosts;
    if (hosts.empty() && !any_up) missing.push_back({i, std::nullopt, false, "", ""});
    const auto first_up = std::find_if(hosts.begin(), hosts.end(), is_up);
    for (size_t host = 0; host < hosts.size(); ++host) {
      if (is_up(hosts[host])) continue;
      const bool is_known = connected.contains(hosts[host]);
      missing.push_back({i, host, is_known, first_up == hosts.end() ? "" : *first_up,
                         is_known ? "" : graph::did_you_mean(hosts[host], names)});
    }
  }
  return missing;
}

std::string describe(const graph::PipelineSpec& spec, const MissingHost& missing) {
  const graph::NodeSpec& node = spec.nodes[missing.node];
  const std::string who = "node '" + node.name + "' ";
  if (!missing.host) return who + "waits for an agent: none is connected";
  const std::string host = "host '" + node.hosts[*missing.host] + "', which ";
  const std::string why = missing.is_known ? "is not connected" : "the broker does not know";
  if (missing.instead.empty()) return who + "waits for " + host + why;
  return who + "names " + host + why + "; it goes to " + missing.instead;
}

std::vector<MissingAction> missing_actions(const graph::PipelineSpec& spec,
                                           const std::vector<wire::ActionVersion>& versions) {
  std::vector<std::string> known;
  for (const auto& [name, action] : spec.actions) known.push_back(name);
  for (const wire::ActionVersion& version : versions) known.push_back(version.action.name);
  std::vector<MissingAction> missing;
  for (uint32_t i = 0; i < spec.nodes.size(); ++i) {
    const std::string& action = spec.nodes[i].action;
    if (action.empty() || graph::is_builtin(action)) continue;
    if (std::find(known.begin(), known.end(), action) != known.end()) continue;
    missing.push_back({i, graph::did_you_mean(action, known)});
  }
  return missing;
}

std::string describe(const graph::PipelineSpec& spec, const MissingAction& missing) {
  const graph::NodeSpec& node = spec.nodes[missing.node];
  return "node '" + node.name + "': no action is named '" + node.action +
         "', neither in the file nor at the broker";
}

graph::Diagnostics check_against_cluster(const graph::Source& source,
                                         const graph::PipelineSpec& spec,
                                         const std::vector<wire::AgentSummary>& agents,
                                         const std::vector<wire::ActionVersion>& versions) {
  const NodeTexts texts(source);
  config::Reporter reporter(source);
  for (const MissingHost& missing : missing_hosts(spec, agents)) {
    // A host that stands by may be away.
    if (missing.is_known && !missing.instead.empty()) continue;
    const std::string& node = spec.nodes[missing.node].name;
    report(reporter, missing.host ? texts.host(node, *missing.host) : nullptr,
           describe(spec, missing),
           missing.hint.empty() && !missing.is_known
               ? "'weirctl agent list' shows those that are there"
               : missing.hint);
  }
  for (const MissingAction& missing : missing_actions(spec, versions)) {
    const graph::NodeSpec& node = spec.nodes[missing.node];
    report(reporter, texts.value(node.name, "action"), describe(spec, missing),
           missing.hint.empty() ? "upload it with 'weirctl action put " + node.action +
                                      " FILE', or declare [action." + node.action + "]"
                                : missing.hint);
  }
  return reporter.take();
}

}  // namespace weir::ctl
