#include "ctl/client/broker_choice.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "ctl/up/files.h"
#include "schema/config/reporter.h"
#include "schema/config/toml_document.h"
#include "schema/config/value_reader.h"
#include "schema/graph/suggest.h"

namespace weir::ctl {
namespace {

constexpr size_t kSocketPathBytesMax = 107;

bool is_port(std::string_view text) {
  uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

bool is_endpoint(std::string_view text) {
  if (text.starts_with("ipc://")) {
    text.remove_prefix(6);
    return !text.empty() && text.size() <= kSocketPathBytesMax;
  }
  if (!text.starts_with("tcp://")) return false;
  text.remove_prefix(6);
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const bool plain = text.find_first_of(" \t/;@") == std::string_view::npos;
  return plain && is_port(text.substr(colon + 1));
}

std::string not_an_endpoint(const std::string& text) {
  return "'" + text + "' is not a broker's endpoint; write tcp://HOST:PORT or ipc:///PATH";
}

Result<BrokerChoice> checked(std::string endpoint, std::string from) {
  if (!is_endpoint(endpoint)) {
    return Error{ErrorCode::kInvalid, from + ": " + not_an_endpoint(endpoint)};
  }
  return BrokerChoice{std::move(endpoint), std::move(from)};
}

// The broker that the file names; empty if it names none.
graph::Checked<std::string> read_config(const graph::Source& source) {
  const auto root = config::parse_toml(source);
  if (!root) return {std::nullopt, root.diagnostics};
  config::Reporter reporter(source);
  std::string broker;
  for (const config::TomlValue& item : root.value->items) {
    if (item.key != "broker") {
      reporter.at(item.key_at, "unknown key '" + item.key + "'",
                  graph::did_you_mean(item.key, {"broker"}));
    } else if (config::ValueReader("broker", reporter).string(item, broker) &&
               !is_endpoint(broker)) {
      reporter.at(item.at, not_an_endpoint(broker));
    }
  }
  if (reporter.has_problems()) return {std::nullopt, reporter.take()};
  return {std::move(broker), {}};
}

}  // namespace

Result<BrokerChoice> choose_broker(const BrokerSources& sources) {
  if (!sources.option.empty()) return checked(sources.option, "--broker");
  if (!sources.environment.empty()) return checked(sources.environment, "WEIR_BROKER");
  for (const std::string& path : sources.files) {
    const auto text = read_small_file(path);
    if (!text) return text.error();
    if (!*text) continue;
    auto broker = read_config({path, **text});
    if (!broker) {
      std::string all = graph::render(broker.diagnostics);
      while (!all.empty() && all.back() == '\n') all.pop_back();
      return Error{ErrorCode::kInvalid, std::move(all)};
    }
    if (!broker.value->empty()) return BrokerChoice{std::move(*broker.value), path};
  }
  return BrokerChoice{std::string(kDefaultBroker), ""};
}

std::vector<std::string> config_files(
    const std::function<std::string(const char* name)>& environment) {
  std::vector<std::string> files;
  std::string own = environment("XDG_CONFIG_HOME");
  const std::string home = environment("HOME");
  if (own.empty() && !home.empty()) own = home + "/.config";
  if (!own.empty()) files.push_back(own + "/weir/weirctl.toml");
  files.emplace_back("/etc/weir/weirctl.toml");
  return files;
}

}  // namespace weir::ctl
