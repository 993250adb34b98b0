#include "ctl/client/broker_choice.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "ctl/base/files.h"
#include "schema/config/exposure.h"
#include "schema/config/reporter.h"
#include "schema/config/toml_document.h"
#include "schema/config/value_reader.h"
#include "schema/graph/suggest.h"

namespace weir::ctl {
namespace {

Result<BrokerChoice> checked(std::string endpoint, std::string from) {
  if (Status good = config::check_broker(endpoint); !good) return std::move(good).error().in(from);
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
    } else if (config::ValueReader("broker", reporter).string(item, broker)) {
      if (const Status good = config::check_broker(broker); !good) {
        reporter.at(item.at, good.error().what);
      }
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
  return BrokerChoice{sources.default_endpoint, ""};
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
