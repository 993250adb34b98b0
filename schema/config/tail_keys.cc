#include "schema/config/tail_keys.h"

#include <array>
#include <string_view>
#include <utility>

#include "schema/config/value_reader.h"
#include "schema/graph/builtin.h"

namespace weir::config {
namespace {

using graph::NodeSpec;

constexpr std::array<std::string_view, 3> kOwnKeys{"path", "from", "follow"};

// Keys of other nodes, and why they are none of its own.
constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kForeignKeys{{
    {"args", "is for programs of yours: weir:tail has 'path', 'from' and 'follow'"},
    {"protocol", "is for programs of yours: weir:tail has one of its own"},
    {"unit", "is for nodes with inputs; weir:tail is a source"},
    {"accept", "is for programs of yours: weir:tail ends well with 0"},
    {"max_dead", "is for nodes with inputs; weir:tail is a source"},
    {"in_flight", "is for protocols 'lines' and 'frames'"},
    {"max_records", "is for unit 'batch'"},
    {"max_bytes", "is for unit 'batch'"},
    {"max_output", "is for nodes with inputs; weir:tail is a source"},
    {"rerun", "is for programs of yours: weir:tail goes on where it was"},
    {"stall_timeout", "is for nodes with inputs: weir:tail may be silent as long as its files are"},
    {"env", "is for programs of yours: weir:tail looks at no variables"},
    {"allow", "is for programs of yours: weir:tail makes no connections"},
}};

void read_path(ValueReader& reader, const TomlValue& value, NodeSpec& node) {
  std::vector<std::string> paths;
  if (value.kind == TomlValue::Kind::kString) {
    if (!reader.string(value, paths.emplace_back())) return;
  } else if (value.kind == TomlValue::Kind::kArray) {
    if (!reader.strings(value, kListMax, paths)) return;
  } else {
    return reader.report(value, "'path' takes a path, or an array of paths",
                         R"(for example: path = "/var/log/*.log")");
  }
  if (paths.empty()) reader.report(value, "'path' names no file");
  for (size_t i = 0; i < paths.size(); ++i) {
    const TomlValue& at = value.items.empty() ? value : value.items[i];
    if (paths[i].empty()) {
      reader.report(at, "the path is empty");
    } else if (paths[i].back() == '/') {
      reader.report(at, "'" + paths[i] + "' is a folder",
                    "name the files in it: \"" + paths[i] + "*.log\"");
    }
  }
  node.settings["path"] = std::move(paths);
}

}  // namespace

void read_tail_keys(const TomlValue& table, NodePlace place, Reporter& reporter, NodeSpec& node) {
  for (const auto& [name, why] : kForeignKeys) {
    const TomlValue* const value = table.find(name);
    if (value == nullptr) continue;
    reporter.at(value->key_at, "'" + std::string(name) + "' " + std::string(why));
  }
  if (const TomlValue* const path = table.find("path"); path != nullptr) {
    ValueReader reader("path", reporter);
    read_path(reader, *path, node);
  } else {
    reporter.at(
        table.key_at, "node '" + table.key + "' does not say which files to follow",
        R"(add path = "/var/log/app.log", a pattern such as "/var/log/*.log", or an array)");
  }
  if (const TomlValue* const from = table.find("from"); from != nullptr) {
    std::string word = "start";
    ValueReader("from", reporter)
        .choice<std::string>(*from, {{"start", "start"}, {"end", "end"}}, word);
    if (word != "start") node.settings["from"] = {word};
  }
  if (const TomlValue* const follow = table.find("follow"); follow != nullptr) {
    bool follows = true;
    ValueReader("follow", reporter).boolean(*follow, follows);
    if (!follows) node.settings["follow"] = {"no"};
  }
  if (place.is_known && !place.is_source) {
    reporter.at(table.find("action")->key_at,
                "'weir:tail' is a source, and node '" + table.key + "' has inputs",
                "let it stand at the beginning of the dataflow");
  }
}

void refuse_tail_keys(const TomlValue& table, Reporter& reporter) {
  for (const std::string_view name : kOwnKeys) {
    const TomlValue* const value = table.find(name);
    if (value == nullptr) continue;
    reporter.at(value->key_at, "'" + std::string(name) + "' is for action = \"" +
                                   std::string(graph::kTailAction) + "\"");
  }
}

std::vector<std::string> tail_keys() { return {kOwnKeys.begin(), kOwnKeys.end()}; }

}  // namespace weir::config
