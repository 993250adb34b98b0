#include "schema/config/node_table.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string_view>
#include <utility>

#include "schema/config/tail_keys.h"
#include "schema/config/units.h"
#include "schema/config/value_reader.h"
#include "schema/graph/buffering.h"
#include "schema/graph/builtin.h"
#include "schema/graph/expression.h"
#include "schema/graph/names.h"
#include "schema/graph/suggest.h"

namespace weir::config {
namespace {

using graph::Buffering;
using graph::Durability;
using graph::NodeSpec;
using graph::Protocol;
using graph::Unit;
using std::chrono::milliseconds;

constexpr std::string_view kNotSupported = " is not supported by this version";

struct NodeKey {
  std::string_view name;
  void (*read)(ValueReader& reader, const TomlValue& value, NodeSpec& node);
};

void read_action(ValueReader& reader, const TomlValue& value, NodeSpec& node) {
  if (!reader.string(value, node.action)) return;
  if (node.action == graph::kTailAction) {
    node.protocol = Protocol::kPositions;
  } else if (graph::is_builtin(node.action)) {
    reader.report(value, "the built-in '" + node.action + "'" + std::string(kNotSupported),
                  graph::did_you_mean(node.action, {std::string(graph::kTailAction)}));
  } else if (!graph::is_node_name(node.action)) {
    reader.report(value, "'" + node.action + "' is not the name of an action",
                  "a name begins with a letter or _ and goes on with letters, digits, _ and -");
  }
}

// The kernel refuses to start a program with a longer one, whatever the whole of them is.
void check_argument(ValueReader& reader, const TomlValue& at, size_t bytes,
                    const std::string& what) {
  if (bytes <= graph::kArgumentBytesMax) return;
  reader.report(at,
                what + " of " + std::to_string(bytes) + " bytes: a program can be given at most " +
                    std::to_string(graph::kArgumentBytesMax) + " in one",
                "put it into a file that the program reads");
}

void read_run(ValueReader& reader, const TomlValue& value, NodeSpec& node) {
  if (!reader.string(value, node.run)) return;
  check_argument(reader, value, node.run.size(), "a command");
  if (node.run.find_first_not_of(" \t\r\n") == std::string::npos) {
    reader.report(value, "the command is empty", "run takes a shell command");
  }
}

void read_protocol(ValueReader& reader, const TomlValue& value, NodeSpec& node) {
  if (graph::is_builtin(node.action)) return;  // Which has its own, and refuses the key.
  if (value.kind == TomlValue::Kind::kString && value.string == "msgpack") {
    reader.report(value, "protocol 'msgpack'" + std::string(kNotSupported));
    return;
  }
  reader.choice<Protocol>(
      value,
      {{"pipe", Protocol::kPipe}, {"lines", Protocol::kLines}, {"frames", Protocol::kFrames}},
      node.protocol);
}

void read_unit(ValueReader& reader, const TomlValue& value, NodeSpec& node) {
  if (value.kind == TomlValue::Kind::kString && value.string == "window") {
    reader.report(value, "unit 'window'" + std::string(kNotSupported));
    return;
  }
  reader.choice<Unit>(
      value, {{"stream", Unit::kStream}, {"batch", Unit::kBatch}, {"record", Unit::kRecord}},
      node.unit);
}

void read_delimiter(ValueReader& reader, const TomlValue& value, NodeSpec& node) {
  std::string text;
  if (!reader.string_with_nul(value, text)) return;
  // TOML has no "\0", so the two characters in single quotes stand for it.
  if (text == "\n" || text == "\\n") {
    node.delimiter = '\n';
  } else if (text == std::string_view("\0", 1) || text == "\\0") {
    node.delimiter = '\0';
  } else {
    reader.report(value, "a delimiter is a newline or a NUL byte", R"(write "\n" or '\0')");
  }
}

// One exit status or a range "0-125".
bool parse_statuses(const TomlValue& item, std::pair<int64_t, int64_t>& range) {
  if (item.kind == TomlValue::Kind::kInteger) {
    range = {item.integer, item.integer};
    return true;
  }
  if (item.kind != TomlValue::Kind::kString) return false;
  const char* const end = item.string.data() + item.string.size();
  const auto first = std::from_chars(item.string.data(), end, range.first);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') return false;
  const auto last = std::from_chars(first.ptr + 1, end, range.second);
  return last.ec == std::errc() && last.ptr == end && range.first <= range.second;
}

void read_accept(ValueReader& reader, const TomlValue& value, NodeSpec& node) {
  if (!reader.is(value, TomlValue::Kind::kArray)) return;
  std::vector<int> statuses;
  for (const TomlValue& item : value.items) {
    std::pair<int64_t, int64_t> range;
    if (!parse_statuses(item, range)) {
      reader.report(item, "an exit status or a range of them was expected",
                    "for example: accept = [0, 1] or accept = [\"0-125\"]");
      continue;
    }
    if (range.first < 0 || range.second > 255) {
      reader.report(item, "an exit status lies between 0 and 255");
      continue;
    }
    if (range.first <= 127 && range.second >= 126) {
      reader.report(item, "126 and 127 cannot be accepted",
                    "with them a shell says that it could not run the program");
      continue;
    }
    for (int64_t status = range.first; status <= range.second; ++status) {
      statuses.push_back(static_cast<int>(status));
    }
  }
  if (value.items.empty()) reader.report(value, "at least one exit status must be accepted");
  std::sort(statuses.begin(), statuses.end());
  statuses.erase(std::unique(statuses.begin(), statuses.end()), statuses.end());
  if (!statuses.empty()) node.accept = std::move(statuses);
}

void read_hosts(ValueReader& reader, const TomlValue& value, NodeSpec& node) {
  if (!reader.strings(value, kListMax, node.hosts)) return;
  for (size_t i = 0; i < node.hosts.size(); ++i) {
    if (!graph::is_host_name(node.hosts[i])) {
      reader.report(value.items[i], "'" + node.hosts[i] + "' is not the name of an agent");
    } else if (std::count(node.hosts.begin(), node.hosts.begin() + static_cast<std::ptrdiff_t>(i),
                          node.hosts[i]) > 0) {
      reader.report(value.items[i], "'" + node.hosts[i] + "' is listed twice");
    }
  }
}

void read_args(ValueReader& reader, const TomlValue& value, NodeSpec& node) {
  if (!reader.strings(value, kListMax, node.args)) return;
  for (size_t i = 0; i < node.args.size(); ++i) {
    check_argument(reader, value.items[i], node.args[i].size(), "an argument");
  }
}

bool is_environment_name(std::string_view name) {
  return graph::is_node_name(name) && name.find('-') == std::string_view::npos;
}

void read_env(ValueReader& reader, const TomlValue& value, NodeSpec& node) {
  if (!reader.is(value, TomlValue::Kind::kTable)) return;
  if (value.items.size() > kListMax) {
    reader.report(value, "more than " + std::to_string(kListMax) + " variables");
    return;
  }
  for (const TomlValue& item : value.items) {
    if (!is_environment_name(item.key)) {
      reader.report_key(item, "'" + item.key + "' is not a name for an environment variable");
    } else if (item.key.starts_with("WEIR_")) {
      reader.report_key(item, "names that begin with WEIR_ are set by weir");
    }
    std::string text;
    if (!reader.string(item, text)) continue;
    check_argument(reader, item, item.key.size() + 1 + text.size(), "a variable");
    node.env[item.key] = std::move(text);
  }
}

// "all", an address, or a network such as 10.0.0.0/8.
bool is_allowed_target(const std::string& text) {
  if (text == "all") return true;
  const size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  const bool is_v4 = inet_pton(AF_INET, address.c_str(), bytes.data()) == 1;
  const bool is_v6 = !is_v4 && inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1;
  if (!is_v4 && !is_v6) return false;
  if (slash == std::string::npos) return true;
  int bits = -1;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + slash + 1, end, bits);
  return error == std::errc() && rest == end && bits >= 0 && bits <= (is_v4 ? 32 : 128);
}

void read_allow(ValueReader& reader, const TomlValue& value, NodeSpec& node) {
  if (!reader.strings(value, kListMax, node.allow)) return;
  for (size_t i = 0; i < node.allow.size(); ++i) {
    if (is_allowed_target(node.allow[i])) continue;
    reader.report(value.items[i], "'" + node.allow[i] + "' is not an address",
                  "addresses such as \"178.248.239.55\", networks such as \"10.0.0.0/8\", or "
                  "\"all\"; no host names");
  }
}

// What the defaults of other keys depend on.
constexpr std::array kProgramKeys{
    NodeKey{"action", read_action},
    NodeKey{"args", read_args},
    NodeKey{"run", read_run},
    NodeKey{"protocol", read_protocol},
};

constexpr std::array kOtherKeys{
    NodeKey{"unit", read_unit},
    NodeKey{"delimiter", read_delimiter},
    NodeKey{"accept", read_accept},
    NodeKey{"retries", [](ValueReader& reader, const TomlValue& value,
                          NodeSpec& node) { reader.integer(value, 0, kRetriesMax, node.retries); }},
    NodeKey{"backoff",
            [](ValueReader& reader, const TomlValue& value, NodeSpec& node) {
              reader.duration(value, kBackoffMin, kBackoffMax, node.backoff_first);
            }},
    NodeKey{"backoff_max",
            [](ValueReader& reader, const TomlValue& value, NodeSpec& node) {
              reader.duration(value, kBackoffMin, kBackoffMax, node.backoff_max);
            }},
    NodeKey{"max_dead",
            [](ValueReader& reader, const TomlValue& value, NodeSpec& node) {
              reader.integer(value, 0, kMaxDeadMax, node.max_dead);
            }},
    NodeKey{"in_flight",
            [](ValueReader& reader, const TomlValue& value, NodeSpec& node) {
              reader.integer(value, 1, kInFlightMax, node.in_flight);
            }},
    NodeKey{"max_records",
            [](ValueReader& reader, const TomlValue& value, NodeSpec& node) {
              reader.integer(value, 1, kMaxRecordsMax, node.max_records);
            }},
    NodeKey{"max_bytes",
            [](ValueReader& reader, const TomlValue& value, NodeSpec& node) {
              reader.size(value, 1, kMaxBytesMax, node.max_bytes);
            }},
    NodeKey{"max_output",
            [](ValueReader& reader, const TomlValue& value, NodeSpec& node) {
              reader.size(value, 1, kMaxOutputMax, node.max_output_bytes);
            }},
    NodeKey{"durability",
            [](ValueReader& reader, const TomlValue& value, NodeSpec& node) {
              reader.choice<Durability>(
                  value, {{"disk", Durability::kDisk}, {"process", Durability::kProcess}},
                  node.durability);
            }},
    NodeKey{"rerun", [](ValueReader& reader, const TomlValue& value,
                        NodeSpec& node) { reader.boolean(value, node.rerun); }},
    NodeKey{"portable", [](ValueReader& reader, const TomlValue& value,
                           NodeSpec& node) { reader.boolean(value, node.portable); }},
    NodeKey{"stall_timeout",
            [](ValueReader& reader, const TomlValue& value, NodeSpec& node) {
              reader.duration(value, milliseconds(0), kStallTimeoutMax, node.stall_timeout);
            }},
    NodeKey{"buffering",
            [](ValueReader& reader, const TomlValue& value, NodeSpec& node) {
              reader.choice<Buffering>(
                  value, {{"program", Buffering::kProgram}, {"line", Buffering::kLine}},
                  node.buffering);
            }},
    NodeKey{"hosts", read_hosts},
    NodeKey{"env", read_env},
    NodeKey{"allow", read_allow},
};

constexpr std::array<std::string_view, 9> kUnsupportedKeys{
    "replicas", "key", "window", "time", "lateness", "late", "state", "ack", "limits"};

void read_keys(std::span<const NodeKey> keys, const TomlValue& table, Reporter& reporter,
               NodeSpec& node) {
  for (const NodeKey& key : keys) {
    const TomlValue* value = table.find(key.name);
    if (value == nullptr) continue;
    ValueReader reader(key.name, reporter);
    key.read(reader, *value, node);
  }
}

void refuse_other_keys(const TomlValue& table, Reporter& reporter) {
  const std::vector<std::string> known = node_keys();
  for (const TomlValue& item : table.items) {
    if (reporter.is_full()) return;
    if (std::find(known.begin(), known.end(), item.key) != known.end()) continue;
    const bool is_unsupported = std::find(kUnsupportedKeys.begin(), kUnsupportedKeys.end(),
                                          item.key) != kUnsupportedKeys.end();
    if (is_unsupported) {
      reporter.at(item.key_at, "'" + item.key + "'" + std::string(kNotSupported));
    } else {
      reporter.at(item.key_at, "unknown key '" + item.key + "' of a node",
                  graph::did_you_mean(item.key, known));
    }
  }
}

void check_program(const TomlValue& table, Reporter& reporter) {
  const TomlValue* const action = table.find("action");
  const TomlValue* const run = table.find("run");
  const TomlValue* const args = table.find("args");
  if (action != nullptr && run != nullptr) {
    reporter.at(std::max(action->key_at, run->key_at),
                "node '" + table.key + "' has both an action and a command",
                "keep either 'action' or 'run'");
  } else if (action == nullptr && run == nullptr) {
    reporter.at(table.key_at, "node '" + table.key + "' has no program",
                "give it run = \"shell command\", or action = \"name of an action\"");
  } else if (args != nullptr && action == nullptr) {
    reporter.at(args->key_at, "'args' are for an action", "write them into the command");
  }
}

// Reports `key` if it stands in the table and `is_wrong`: a key without effect misleads.
void refuse_if(bool is_wrong, const TomlValue& table, std::string_view key, Reporter& reporter,
               const std::string& why) {
  const TomlValue* const value = table.find(key);
  if (is_wrong && value != nullptr) reporter.at(value->key_at, "'" + std::string(key) + "' " + why);
}

void check_backoff(const TomlValue& table, const NodeSpec& node, Reporter& reporter) {
  if (node.backoff_first <= node.backoff_max) return;
  const TomlValue* const value =
      table.find("backoff") != nullptr ? table.find("backoff") : table.find("backoff_max");
  if (value == nullptr) return;
  reporter.at(value->key_at, "backoff " + format_duration(node.backoff_first) +
                                 " is longer than backoff_max " +
                                 format_duration(node.backoff_max));
}

void check_combination(const TomlValue& table, NodePlace place, const NodeSpec& node,
                       Reporter& reporter) {
  const bool is_pipe = node.protocol == Protocol::kPipe;
  refuse_if(!is_pipe, table, "unit", reporter, "is for protocol 'pipe'");
  refuse_if(is_pipe, table, "in_flight", reporter, "is for protocols 'lines' and 'frames'");
  refuse_if(node.protocol == Protocol::kFrames, table, "delimiter", reporter,
            "is for protocols 'pipe' and 'lines'");
  const bool has_unit = table.find("unit") != nullptr;
  const bool is_batch = is_pipe && has_unit && node.unit == Unit::kBatch;
  refuse_if(is_pipe && has_unit && node.unit != Unit::kStream, table, "buffering", reporter,
            "has no effect here: a run of unit 'batch' or 'record' writes all it has when it ends");
  for (const std::string_view key : {"max_records", "max_bytes"}) {
    refuse_if(!is_batch && (has_unit || !is_pipe), table, key, reporter, "is for unit 'batch'");
  }
  if (!place.is_known) return;
  refuse_if(is_pipe && place.is_source, table, "unit", reporter,
            "is for nodes with inputs; this one is a source");
  refuse_if(!place.is_source, table, "rerun", reporter, "is for sources; this node has inputs");
  refuse_if(!place.is_source, table, "portable", reporter, "is for sources; this node has inputs");
  if (is_pipe && !place.is_source && !has_unit) {
    reporter.at(table.key_at, "node '" + table.key + "' must say its unit",
                "unit = \"batch\" for filters and sinks that treat records one by one, \"record\" "
                "for a run per record, \"stream\" for what needs the whole stream");
  }
}

// A program that keeps its answers back until it has some KiB of them, or no more input.
void warn_of_buffering(const TomlValue& table, NodePlace place, const NodeSpec& node,
                       Reporter& reporter) {
  const TomlValue* const run = table.find("run");
  const bool answers = node.protocol == Protocol::kLines && place.is_known && !place.is_source;
  if (run == nullptr || !answers) return;
  const std::optional<graph::BufferingFilter> filter = graph::buffering_filter(node.run);
  if (!filter || (filter->stdbuf_helps && node.buffering == Buffering::kLine)) return;
  reporter.warn(
      run->at,
      filter->program + " keeps back some KiB before it answers, so records wait for " +
          "others to come",
      "write " + filter->remedy + (filter->stdbuf_helps ? ", or add buffering = \"line\"" : ""));
}

}  // namespace

NodeSpec read_node(const TomlValue& table, NodePlace place, Reporter& reporter) {
  NodeSpec node;
  node.name = table.key;
  refuse_other_keys(table, reporter);
  read_keys(kProgramKeys, table, reporter, node);
  graph::set_defaults(node, place.is_source, place.is_sink);
  read_keys(kOtherKeys, table, reporter, node);
  check_program(table, reporter);
  check_backoff(table, node, reporter);
  if (node.protocol == Protocol::kPositions) {
    read_tail_keys(table, place, reporter, node);
  } else {
    refuse_tail_keys(table, reporter);
    check_combination(table, place, node, reporter);
    warn_of_buffering(table, place, node, reporter);
  }
  return node;
}

std::vector<std::string> node_keys() {
  std::vector<std::string> names;
  names.reserve(kProgramKeys.size() + kOtherKeys.size());
  for (const NodeKey& key : kProgramKeys) names.emplace_back(key.name);
  for (const NodeKey& key : kOtherKeys) names.emplace_back(key.name);
  for (std::string& key : tail_keys()) names.push_back(std::move(key));
  return names;
}

std::vector<std::string> unsupported_node_keys() {
  return {kUnsupportedKeys.begin(), kUnsupportedKeys.end()};
}

}  // namespace weir::config
