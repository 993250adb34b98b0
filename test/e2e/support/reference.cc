#include "test/e2e/support/reference.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace weir::e2e {
namespace {

constexpr const char* kCut = " | head -c 8000000";

// Bytes that flow from one exit, and who writes them.
struct Flow {
  std::string node;
  std::string file;
  bool ordered = true;
};

class Evaluation {
 public:
  Evaluation(Scene& scene, std::string stdin_file)
      : scene_(scene),
        folder_(scene.make_folder("reference")),
        stdin_file_(std::move(stdin_file)) {}

  std::vector<Flow> run(const Graph& graph, const std::vector<Flow>& in) {
    switch (graph.kind) {
      case Graph::Kind::kStdin:
        return {{"-", stdin_file_, true}};
      case Graph::Kind::kCommand:
        return {run_command(graph.command, in)};
      case Graph::Kind::kSequence: {
        std::vector<Flow> flows = in;
        for (const Graph& part : graph.parts) flows = run(part, flows);
        return flows;
      }
      case Graph::Kind::kParallel: {
        std::vector<Flow> flows;
        for (const Graph& part : graph.parts) {
          for (Flow& flow : run(part, in)) flows.push_back(std::move(flow));
        }
        return flows;
      }
    }
    return {};
  }

 private:
  Flow run_command(const std::string& command, const std::vector<Flow>& in) {
    Flow flow;
    const std::string word = command.substr(0, command.find_first_of(" ;|&<>()"));
    const int number = ++names_[word];
    flow.node = number == 1 ? word : word + "-" + std::to_string(number);
    flow.file = folder_ + "/" + flow.node + ".out";
    // Through a pipe, since some programs look at what their stdin is. No endless source.
    const std::string feed = in.empty() ? "" : "cat '" + meet(flow, in) + "' | ";
    const std::string script = feed + "(" + command + "\n)" + (command == "yes" ? kCut : "");
    CommandOptions shell = scene_.shell(script + " > '" + flow.file + "'");
    shell.working_dir = folder_;
    EXPECT_TRUE(scene_.run(shell).in_time) << command;
    // These hide in which order their input came.
    const bool hides = word == "sort" || command == "wc -l" || command == kCountRecords;
    if (hides) flow.ordered = true;
    return flow;
  }

  std::string meet(Flow& flow, const std::vector<Flow>& in) {
    flow.ordered = in.size() == 1 && in.front().ordered;
    if (in.size() == 1) return in.front().file;
    std::string all;
    for (const Flow& one : in) {
      if (!all.empty() && all.back() != '\n') all += '\n';
      all += read_file(one.file);
    }
    return scene_.write("reference/" + flow.node + ".in", all);
  }

  Scene& scene_;
  std::string folder_;
  std::string stdin_file_;
  std::map<std::string, int> names_;
};

std::vector<std::string_view> records(std::string_view bytes) {
  std::vector<std::string_view> all;
  while (!bytes.empty()) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    all.push_back(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

Graph seq(std::vector<Graph> parts) { return {Graph::Kind::kSequence, std::move(parts)}; }
Graph par(std::vector<Graph> parts) { return {Graph::Kind::kParallel, std::move(parts)}; }
Graph from_stdin() { return {Graph::Kind::kStdin, {}}; }

std::string expression(const Graph& graph) {
  if (graph.kind == Graph::Kind::kStdin) return "-";
  if (graph.kind == Graph::Kind::kCommand) return quoted(graph.command);
  std::string text = "(";
  for (const Graph& part : graph.parts) {
    if (text.size() > 1) text += graph.kind == Graph::Kind::kSequence ? " ; " : " || ";
    text += expression(part);
  }
  return text + ")";
}

std::vector<Expected> run_by_shell(Scene& scene, const Graph& graph,
                                   const std::string& stdin_file) {
  std::vector<Expected> all;
  for (const Flow& flow : Evaluation(scene, stdin_file).run(graph, {})) {
    all.push_back({flow.node, read_file(flow.file), flow.ordered});
  }
  return all;
}

std::string compare(const Expected& expected, const std::string& actual) {
  if (expected.ordered || records(expected.bytes) != records(actual)) {
    return difference(expected.bytes, actual);
  }
  return "";
}

}  // namespace weir::e2e
