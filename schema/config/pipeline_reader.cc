#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "schema/config/node_table.h"
#include "schema/config/pipeline_file.h"
#include "schema/config/toml_scan.h"
#include "schema/config/value_reader.h"
#include "schema/graph/expression.h"
#include "schema/graph/names.h"
#include "schema/graph/parser.h"
#include "schema/graph/resolver.h"
#include "schema/graph/suggest.h"

namespace weir::config {
namespace {

using graph::PipelineSpec;
using graph::Place;

constexpr std::string_view kNameRule =
    "a name begins with a letter or _ and goes on with letters, digits, _ and -; at most 63";

const std::vector<std::string>& top_keys() {
  static const std::vector<std::string> kKeys{"name", "dataflow", "action", "node"};
  return kKeys;
}

class PipelineReader {
 public:
  PipelineReader(Reporter& reporter, const PipelineFileOptions& options)
      : reporter_(reporter), options_(options) {}

  PipelineSpec read(const TomlValue& root) {
    refuse_other_keys(root);
    read_name(root);
    node_tables_ = tables(root, "node");
    read_actions(root);
    const bool has_graph = read_dataflow(root);
    read_nodes(has_graph);
    check_actions(has_graph);
    return std::move(spec_);
  }

 private:
  void refuse_other_keys(const TomlValue& root) {
    for (const TomlValue& item : root.items) {
      if (reporter_.is_full()) return;
      const auto& known = top_keys();
      if (std::find(known.begin(), known.end(), item.key) != known.end()) continue;
      reporter_.at(item.key_at, "unknown key '" + item.key + "'",
                   graph::did_you_mean(item.key, known));
    }
  }

  void read_name(const TomlValue& root) {
    const TomlValue* const value = root.find("name");
    if (value == nullptr) {
      return reporter_.overall("the pipeline has no name", "add a line: name = \"...\"");
    }
    if (!ValueReader("name", reporter_).string(*value, spec_.name)) return;
    if (!graph::is_pipeline_name(spec_.name)) {
      reporter_.at(value->at, "'" + spec_.name + "' is not the name of a pipeline",
                   "small letters, digits, _ and -, not beginning with _ or -; at most 63");
    }
  }

  // The tables under [KEY.name], by name.
  std::map<std::string, const TomlValue*> tables(const TomlValue& root, std::string_view key) {
    std::map<std::string, const TomlValue*> result;
    const TomlValue* const value = root.find(key);
    if (value == nullptr) return result;
    ValueReader reader(key, reporter_);
    if (!reader.is(*value, TomlValue::Kind::kTable)) return result;
    for (const TomlValue& item : value->items) {
      ValueReader item_reader(std::string(key) + "." + item.key, reporter_);
      if (!graph::is_node_name(item.key)) {
        reporter_.at(item.key_at, "'" + item.key + "' is not a name", std::string(kNameRule));
      } else if (item_reader.is(item, TomlValue::Kind::kTable)) {
        result.emplace(item.key, &item);
      }
    }
    return result;
  }

  void read_actions(const TomlValue& root) {
    action_tables_ = tables(root, "action");
    for (const auto& [name, table] : action_tables_) {
      graph::ActionSpec& action = spec_.actions[name];
      for (const TomlValue& item : table->items) {
        if (item.key != "file") {
          reporter_.at(item.key_at, "unknown key '" + item.key + "' of an action",
                       graph::did_you_mean(item.key, {"file"}));
        } else if (ValueReader("file", reporter_).string(item, action.file) &&
                   action.file.empty()) {
          reporter_.at(item.at, "the path is empty");
        }
      }
      if (table->find("file") == nullptr) {
        reporter_.at(table->key_at, "action '" + name + "' has no file",
                     "add file = \"path\", relative to this file");
      }
    }
  }

  // One string, or several in an array.
  std::vector<const TomlValue*> expressions(const TomlValue& value) {
    if (value.kind == TomlValue::Kind::kString) return {&value};
    std::vector<const TomlValue*> result;
    if (value.kind != TomlValue::Kind::kArray || value.items.empty()) {
      reporter_.at(value.at, "'dataflow' takes an expression, or an array of expressions",
                   "for example: dataflow = \"gen ; (print || count)\"");
      return {};
    }
    for (const TomlValue& item : value.items) {
      if (!ValueReader("dataflow", reporter_).is(item, TomlValue::Kind::kString)) return {};
      result.push_back(&item);
    }
    return result;
  }

  // False if there is no graph to check the nodes against.
  bool read_dataflow(const TomlValue& root) {
    const TomlValue* const value = root.find("dataflow");
    if (value == nullptr) {
      reporter_.overall("the pipeline has no dataflow",
                        "for example: dataflow = \"gen ; (print || count)\"");
      return false;
    }
    expressions_ = expressions(*value);
    graph::Problems problems;
    std::vector<graph::Ast> asts;
    for (uint32_t i = 0; i < expressions_.size(); ++i) {
      auto ast = graph::parse(expressions_[i]->string, {.expression = i}, problems);
      if (ast) asts.push_back(std::move(*ast));
    }
    const bool is_whole = !expressions_.empty() && asts.size() == expressions_.size();
    if (is_whole) resolve(asts, problems);
    report(problems);
    return is_whole && graph_.is_complete;
  }

  void resolve(const std::vector<graph::Ast>& asts, graph::Problems& problems) {
    graph::ResolveOptions options;
    options.declared.emplace();
    for (const auto& [name, table] : node_tables_) options.declared->insert(name);
    options.allow_stdin = options_.allow_stdin;
    graph_ = graph::resolve(asts, options, problems);
    if (!graph_.is_complete) return;
    graph::validate(graph_, problems);
    PipelineSpec graph_spec = graph::skeleton(spec_.name, graph_);
    graph_spec.actions = std::move(spec_.actions);
    spec_ = std::move(graph_spec);
  }

  // The byte of the file that an offset in an expression comes from.
  size_t file_offset(Place place) {
    const size_t begin = reporter_.offset_of(expressions_[place.expression]->at);
    const std::vector<size_t> offsets = string_offsets(reporter_.source().text, begin);
    // If our reading of the string differs from toml++'s, its beginning has to do.
    if (offsets.size() != expressions_[place.expression]->string.size() + 1) return begin;
    return offsets[std::min<size_t>(place.offset, offsets.size() - 1)];
  }

  void report(const graph::Problems& problems) {
    for (const graph::Problem& problem : problems.all()) {
      reporter_.at_offset(file_offset(problem.place), problem.message, problem.hint);
    }
  }

  void read_nodes(bool has_graph) {
    std::set<std::string> used;
    std::vector<bool> has_input(spec_.nodes.size(), false);
    std::vector<bool> has_output(spec_.nodes.size(), false);
    for (const graph::EdgeSpec& edge : spec_.edges) {
      has_output[edge.from] = has_input[edge.to] = true;
    }
    for (size_t i = 0; i < spec_.nodes.size(); ++i) {
      graph::NodeSpec& node = spec_.nodes[i];
      const auto table = node_tables_.find(node.name);
      if (table != node_tables_.end()) {
        node = read_node(*table->second, {true, !has_input[i], !has_output[i]}, reporter_);
        used.insert(node.name);
        continue;
      }
      graph::set_defaults(node, !has_input[i], !has_output[i]);
      if (!node.run.empty() && has_input[i]) refuse_inline(i);
    }
    for (const auto& [name, table] : node_tables_) {
      if (used.count(name) > 0) continue;
      read_node(*table, {}, reporter_);
      if (has_graph) {
        reporter_.at(table->key_at, "node '" + name + "' is not used in the dataflow",
                     "add it to the dataflow, or remove it");
      }
    }
  }

  // An inline command has no table that could say its unit.
  void refuse_inline(size_t node) {
    const std::string& name = graph_.nodes[node].name;
    reporter_.at_offset(file_offset(graph_.nodes[node].place),
                        "a command with inputs must say its unit, and here it cannot",
                        "give it a name: write " + name + " here, and declare [node." + name +
                            "] with run and unit");
  }

  void check_actions(bool has_graph) {
    std::set<std::string> used;
    std::vector<std::string> names;
    for (const auto& [name, table] : action_tables_) names.push_back(name);
    for (const auto& [name, table] : node_tables_) {
      const TomlValue* const action = table->find("action");
      if (action == nullptr || action->kind != TomlValue::Kind::kString) continue;
      used.insert(action->string);
      const bool is_fine = options_.allow_unknown_actions || !graph::is_node_name(action->string) ||
                           action_tables_.count(action->string) > 0;
      if (is_fine) continue;
      std::string hint = graph::did_you_mean(action->string, names);
      if (hint.empty()) {
        hint =
            "declare [action." + action->string +
            "] with its file; 'pipeline check --allow-unknown-actions' trusts that a broker has it";
      }
      reporter_.at(action->at, "unknown action '" + action->string + "'", std::move(hint));
    }
    if (!has_graph) return;
    for (const auto& [name, table] : action_tables_) {
      if (used.count(name) > 0) continue;
      reporter_.at(table->key_at, "action '" + name + "' is not used by any node",
                   "name it in a node, or remove it");
    }
  }

  Reporter& reporter_;
  const PipelineFileOptions& options_;
  PipelineSpec spec_;
  std::map<std::string, const TomlValue*> node_tables_;
  std::map<std::string, const TomlValue*> action_tables_;
  std::vector<const TomlValue*> expressions_;
  graph::ResolvedGraph graph_;
};

}  // namespace

graph::Checked<PipelineSpec> read_pipeline(const graph::Source& source,
                                           const PipelineFileOptions& options) {
  graph::Source plain = source;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (plain.text.starts_with(kByteOrderMark)) plain.text.remove_prefix(kByteOrderMark.size());
  const graph::Checked<TomlValue> root = parse_toml(plain);
  if (!root) return {std::nullopt, root.diagnostics};
  Reporter reporter(plain);
  PipelineSpec spec = PipelineReader(reporter, options).read(*root.value);
  if (reporter.has_problems()) return {std::nullopt, reporter.take()};
  return {std::move(spec), {}, reporter.take_warnings()};
}

std::vector<std::string> pipeline_keys() {
  std::vector<std::string> keys{"name", "dataflow", "action.X.file"};
  for (const std::string& key : node_keys()) keys.push_back("node.X." + key);
  return keys;
}

}  // namespace weir::config
