#include "schema/config/pipeline_file.h"
#include "schema/config/toml_scan.h"
#include "schema/config/units.h"
#include "schema/graph/builtin.h"
#include "schema/graph/expression.h"
#include "schema/graph/topology.h"

namespace weir::config {
namespace {

using graph::NodeSpec;
using graph::PipelineSpec;

std::string_view name_of(graph::Protocol protocol) {
  switch (protocol) {
    case graph::Protocol::kPipe:
      return "pipe";
    case graph::Protocol::kLines:
      return "lines";
    case graph::Protocol::kFrames:
      return "frames";
    case graph::Protocol::kPositions:
      break;
  }
  return "";
}

std::string_view name_of(graph::Unit unit) {
  switch (unit) {
    case graph::Unit::kStream:
      return "stream";
    case graph::Unit::kBatch:
      return "batch";
    case graph::Unit::kRecord:
      return "record";
  }
  return "";
}

std::string list(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + toml_quote(item);
  return "[" + out + "]";
}

// Three statuses in a row or more are written as a range.
std::string statuses(const std::vector<int>& accept) {
  std::string out;
  for (size_t i = 0; i < accept.size();) {
    size_t last = i;
    while (last + 1 < accept.size() && accept[last + 1] == accept[last] + 1) ++last;
    if (last < i + 2) last = i;
    out += out.empty() ? "" : ", ";
    if (last == i) {
      out += std::to_string(accept[i]);
    } else {
      out += "\"" + std::to_string(accept[i]) + "-" + std::to_string(accept[last]) + "\"";
    }
    i = last + 1;
  }
  return "[" + out + "]";
}

class NodePrinter {
 public:
  NodePrinter(const NodeSpec& node, bool is_source, bool is_sink)
      : node_(node), is_source_(is_source) {
    standard_.run = node.run;
    standard_.protocol = node.protocol;
    graph::set_defaults(standard_, is_source, is_sink);
  }

  std::string print() {
    program();
    if (node_.protocol == graph::Protocol::kPipe && !is_source_) {
      line("unit", toml_quote(name_of(node_.unit)));
    }
    if (node_.delimiter != standard_.delimiter) line("delimiter", "'\\0'");
    if (node_.accept != standard_.accept) line("accept", statuses(node_.accept));
    count("retries", node_.retries, standard_.retries);
    duration("backoff", node_.backoff_first, standard_.backoff_first);
    duration("backoff_max", node_.backoff_max, standard_.backoff_max);
    count("max_dead", node_.max_dead, standard_.max_dead);
    count("in_flight", node_.in_flight, standard_.in_flight);
    count("max_records", node_.max_records, standard_.max_records);
    size("max_bytes", node_.max_bytes, standard_.max_bytes);
    size("max_output", node_.max_output_bytes, standard_.max_output_bytes);
    if (node_.durability != standard_.durability) {
      line("durability", node_.durability == graph::Durability::kDisk ? "\"disk\"" : "\"process\"");
    }
    if (node_.rerun) line("rerun", "true");
    if (node_.portable) line("portable", "true");
    duration("stall_timeout", node_.stall_timeout, standard_.stall_timeout);
    if (node_.buffering == graph::Buffering::kLine) line("buffering", "\"line\"");
    surroundings();
    return std::move(out_);
  }

 private:
  void program() {
    if (!node_.action.empty()) line("action", toml_quote(node_.action));
    if (!node_.args.empty()) line("args", list(node_.args));
    if (!node_.run.empty()) line("run", toml_quote(node_.run));
    for (const auto& [name, values] : node_.settings) setting(name, values);
    if (node_.protocol != graph::Protocol::kPipe && !graph::is_builtin(node_.action)) {
      line("protocol", toml_quote(name_of(node_.protocol)));
    }
  }

  void setting(const std::string& name, const std::vector<std::string>& values) {
    if (name == "follow") return line(name, "false");
    line(name, values.size() == 1 ? toml_quote(values.front()) : list(values));
  }

  void surroundings() {
    if (!node_.hosts.empty()) line("hosts", list(node_.hosts));
    std::string env;
    for (const auto& [name, value] : node_.env) {
      env += (env.empty() ? " " : ", ") + name + " = " + toml_quote(value);
    }
    if (!env.empty()) line("env", "{" + env + " }");
    if (!node_.allow.empty()) line("allow", list(node_.allow));
  }

  void line(std::string_view key, std::string_view value) {
    out_ += std::string(key) + " = " + std::string(value) + "\n";
  }
  void count(std::string_view key, uint64_t value, uint64_t standard) {
    if (value != standard) line(key, std::to_string(value));
  }
  void size(std::string_view key, uint64_t value, uint64_t standard) {
    if (value != standard) line(key, "\"" + format_size(value) + "\"");
  }
  void duration(std::string_view key, std::chrono::milliseconds value,
                std::chrono::milliseconds standard) {
    if (value != standard) line(key, "\"" + format_duration(value) + "\"");
  }

  const NodeSpec& node_;
  const bool is_source_;
  NodeSpec standard_;
  std::string out_;
};

std::string dataflow(const std::vector<std::string>& expressions) {
  if (expressions.size() == 1) return toml_quote(expressions.front());
  std::string out = "[\n";
  for (const std::string& expression : expressions) out += "  " + toml_quote(expression) + ",\n";
  return out + "]";
}

}  // namespace

std::string print_pipeline(const PipelineSpec& spec) {
  std::string out = "name = " + toml_quote(spec.name) + "\n";
  out += "dataflow = " + dataflow(spec.dataflow) + "\n";
  for (const auto& [name, action] : spec.actions) {
    out += "\n[action." + name + "]\nfile = " + toml_quote(action.file) + "\n";
  }
  for (uint32_t i = 0; i < spec.nodes.size(); ++i) {
    const NodeSpec& node = spec.nodes[i];
    if (node.caller_stdin) continue;
    out += "\n[node." + node.name + "]\n";
    out += NodePrinter(node, graph::is_source(spec, i), graph::is_sink(spec, i)).print();
  }
  return out;
}

}  // namespace weir::config
