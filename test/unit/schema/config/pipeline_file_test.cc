#include "schema/config/pipeline_file.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "schema/config/node_table.h"
#include "schema/graph/expression.h"
#include "schema/graph/parser.h"
#include "schema/graph/topology.h"
#include "test/unit/schema/graph/generate.h"

namespace weir::config {
namespace {

using graph::Durability;
using graph::NodeSpec;
using graph::PipelineSpec;
using graph::Protocol;
using graph::Unit;
using std::chrono::milliseconds;

constexpr PipelineFileOptions kLenient{.allow_stdin = true, .allow_unknown_actions = true};

std::string errors_of(std::string_view text, const PipelineFileOptions& options = {}) {
  const auto checked = read_pipeline({"p.toml", text}, options);
  EXPECT_EQ(checked.value.has_value(), checked.diagnostics.empty()) << text;
  return graph::render(checked.diagnostics);
}

PipelineSpec spec_of(std::string_view text, const PipelineFileOptions& options = {}) {
  auto checked = read_pipeline({"p.toml", text}, options);
  EXPECT_TRUE(checked) << graph::render(checked.diagnostics);
  return checked ? *checked.value : PipelineSpec{};
}

// A pipeline `gen ; work` whose second node has these lines.
std::string with_node(std::string_view lines) {
  return "name = \"p\"\ndataflow = \"gen ; work\"\n[node.gen]\nrun = \"seq 3\"\n[node.work]\n" +
         std::string(lines) + "\n";
}

NodeSpec work_of(std::string_view lines) {
  const PipelineSpec spec = spec_of(with_node(lines), kLenient);
  return spec.nodes.size() == 2 ? spec.nodes[1] : NodeSpec{};
}

// Only the message and its place, of errors in a node's lines (which begin in line 6).
std::string node_errors(std::string_view lines) {
  const std::string text = with_node(lines);
  std::string out;
  for (const auto& d : read_pipeline({"p.toml", text}, kLenient).diagnostics) {
    out += std::to_string(d.line) + ":" + std::to_string(d.column) + " " + d.message + "\n";
  }
  return out;
}

TEST(PipelineFile, ReadsTheExampleOfTheDesign) {
  const PipelineSpec spec = spec_of(R"toml(
name = "simplepipe"
dataflow = "numgen ; even ; (print || count)"

[action.num_gen]
file = "./num_gen"               # uploaded with the pipeline, relative to this file

[node.numgen]
action = "num_gen"
args = ["--freq=1000"]
protocol = "frames"
hosts = ["alpha", "beta"]
env = { SECRET_KEY = "please" }
allow = ["178.248.239.55"]

[node.even]
run = "awk '$1 % 2 == 0'"
unit = "batch"

[node.print]
run = "cat"
unit = "batch"

[node.count]
run = "wc -l"
unit = "stream"
)toml");
  EXPECT_EQ(spec.name, "simplepipe");
  EXPECT_EQ(spec.actions.at("num_gen").file, "./num_gen");
  ASSERT_EQ(spec.nodes.size(), 4u);
  NodeSpec numgen;
  numgen.name = "numgen";
  numgen.action = "num_gen";
  numgen.args = {"--freq=1000"};
  numgen.protocol = Protocol::kFrames;
  numgen.durability = Durability::kDisk;
  numgen.stall_timeout = std::chrono::seconds(60);
  numgen.hosts = {"alpha", "beta"};
  numgen.env = {{"SECRET_KEY", "please"}};
  numgen.allow = {"178.248.239.55"};
  EXPECT_EQ(spec.nodes[0], numgen);
  NodeSpec even;
  even.name = "even";
  even.run = "awk '$1 % 2 == 0'";
  even.unit = Unit::kBatch;
  EXPECT_EQ(spec.nodes[1], even);
  EXPECT_EQ(spec.nodes[3].unit, Unit::kStream);
  EXPECT_EQ(spec.nodes[3].durability, Durability::kDisk);
  EXPECT_EQ(spec.edges, (std::vector<graph::EdgeSpec>{{0, 1}, {1, 2}, {1, 3}}));
  EXPECT_TRUE(graph::check_topology(spec));
}

TEST(PipelineFile, ReadsEveryKey) {
  const NodeSpec node = work_of(R"(
action = "a"
args = ["x", "y z"]
unit = "batch"
delimiter = '\0'
accept = [3, "10-12", 0]
retries = 7
backoff = "250ms"
backoff_max = "2m"
max_dead = 0
max_records = 5
max_bytes = "64KiB"
max_output = 12345
durability = "process"
stall_timeout = "1h"
hosts = ["h1"]
env = { A = "1", _B2 = "" }
allow = ["all", "::1", "10.0.0.0/8"]
)");
  NodeSpec expected;
  expected.name = "work";
  expected.action = "a";
  expected.args = {"x", "y z"};
  expected.unit = Unit::kBatch;
  expected.delimiter = '\0';
  expected.accept = {0, 3, 10, 11, 12};
  expected.retries = 7;
  expected.backoff_first = milliseconds(250);
  expected.backoff_max = milliseconds(120'000);
  expected.max_dead = 0;
  expected.max_records = 5;
  expected.max_bytes = 65'536;
  expected.max_output_bytes = 12'345;
  expected.durability = Durability::kProcess;
  expected.stall_timeout = milliseconds(3'600'000);
  expected.hosts = {"h1"};
  expected.env = {{"A", "1"}, {"_B2", ""}};
  expected.allow = {"all", "::1", "10.0.0.0/8"};
  EXPECT_EQ(node, expected);
  EXPECT_EQ(work_of("run = \"x\"\nprotocol = \"lines\"\nin_flight = 2").in_flight, 2u);
  const PipelineSpec source = spec_of(
      "name = \"p\"\ndataflow = \"a\"\n[node.a]\nrun = \"x\"\nrerun = true\nportable = true\n");
  EXPECT_TRUE(source.nodes[0].rerun);
  EXPECT_TRUE(source.nodes[0].portable);
}

TEST(PipelineFile, DefaultsDependOnTheProgram) {
  EXPECT_EQ(work_of("run = \"grep x\"\nunit = \"batch\"").accept, (std::vector<int>{0, 1}));
  EXPECT_EQ(work_of("run = \"grep x | wc\"\nunit = \"batch\"").accept, std::vector<int>{0});
  EXPECT_EQ(work_of("run = \"grep x\"\nunit = \"batch\"\naccept = [0]").accept,
            std::vector<int>{0});
  EXPECT_EQ(work_of("run = \"x\"\nprotocol = \"lines\"").stall_timeout, std::chrono::seconds(60));
  EXPECT_EQ(work_of("run = \"x\"\nunit = \"record\"").stall_timeout.count(), 0);
  for (const std::string_view text : {R"("\n")", R"('\n')"}) {
    EXPECT_EQ(work_of("run = \"x\"\nunit = \"batch\"\ndelimiter = " + std::string(text)).delimiter,
              '\n');
  }
  for (const std::string_view text : {R"("\u0000")", R"('\0')"}) {
    EXPECT_EQ(work_of("run = \"x\"\nunit = \"batch\"\ndelimiter = " + std::string(text)).delimiter,
              '\0');
  }
}

TEST(PipelineFile, UnitesExpressions) {
  const PipelineSpec spec = spec_of(
      "name = \"p\"\ndataflow = [\"'seq 3' ; a\", \"a ; b\"]\n[node.a]\nrun = \"x\"\n"
      "unit = \"batch\"\n[node.b]\nrun = \"y\"\nunit = \"batch\"\n");
  EXPECT_EQ(spec.dataflow, (std::vector<std::string>{"seq ; a", "a ; b"}));
  ASSERT_EQ(spec.nodes.size(), 3u);
  EXPECT_EQ(spec.nodes[0].run, "seq 3");
}

TEST(PipelineFile, SaysWhatIsWrong) {
  const struct {
    std::string_view text;
    std::string_view errors;
  } kCases[] = {
      {"",
       "p.toml: error: the pipeline has no name\nhint: add a line: name = \"...\"\n"
       "p.toml: error: the pipeline has no dataflow\n"
       "hint: for example: dataflow = \"gen ; (print || count)\"\n"},
      {"name = \"p\"\ndataflow = \"gen ; evne\"\n[node.gen]\nrun = \"a\"\n[node.even]\nrun = "
       "\"b\"\n",
       "p.toml:2:19: error: unknown node 'evne'\ndataflow = \"gen ; evne\"\n                  ^\n"
       "hint: did you mean 'even'?\n"
       "p.toml:5:7: error: node 'even' is not used in the dataflow\n[node.even]\n      ^\n"
       "hint: add it to the dataflow, or remove it\n"},
      {"name = \"p\"\ndataflow = \"a ; b\"\n[node.a]\nrun = \"a\"\n[node.b]\nrun = \"b\"\n",
       "p.toml:5:7: error: node 'b' must say its unit\n[node.b]\n      ^\n"
       "hint: unit = \"batch\" for filters and sinks that treat records one by one, \"record\" for "
       "a run per record, \"stream\" for what needs the whole stream\n"},
      {"name = \"p\"\ndataflow = \"a ; 'wc -l'\"\n[node.a]\nrun = \"a\"\n",
       "p.toml:2:17: error: a command with inputs must say its unit, and here it cannot\n"
       "dataflow = \"a ; 'wc -l'\"\n                ^\n"
       "hint: give it a name: write wc here, and declare [node.wc] with run and unit\n"},
      {"name = \"p\"\ndataflow = \"- ; a\"\n[node.a]\nrun = \"a\"\nunit = \"stream\"\n",
       "p.toml:2:13: error: '-' stands for the caller's stdin, and here is no caller\n"
       "dataflow = \"- ; a\"\n            ^\n"
       "hint: only 'weirctl up' knows it; use a node that reads a file or a socket\n"},
      {"name = \"p\"\ndataflow = \"a\"\n[node.a]\naction = \"gne\"\n[action.gen]\nfile = \"g\"\n",
       "p.toml:4:10: error: unknown action 'gne'\naction = \"gne\"\n         ^\n"
       "hint: did you mean 'gen'?\n"
       "p.toml:5:9: error: action 'gen' is not used by any node\n[action.gen]\n        ^\n"
       "hint: name it in a node, or remove it\n"},
      {"name = \"p\"\ndataflow = \"a\"\n[node.a]\nrun = \"x\"\nreties = 3\nreplicas = 2\n",
       "p.toml:5:1: error: unknown key 'reties' of a node\nreties = 3\n^\n"
       "hint: did you mean 'retries'?\n"
       "p.toml:6:1: error: 'replicas' is not supported by this version\nreplicas = 2\n^\n"},
      {"name = 3\ndataflow = []\nnode = 1\n[action]\n\"a b\" = {}\nc = 1\n",
       "p.toml:1:8: error: 'name' takes a string, not an integer\nname = 3\n       ^\n"
       "p.toml:2:12: error: 'dataflow' takes an expression, or an array of expressions\n"
       "dataflow = []\n           ^\nhint: for example: dataflow = \"gen ; (print || count)\"\n"
       "p.toml:3:8: error: 'node' takes a table, not an integer\nnode = 1\n       ^\n"
       "p.toml:5:1: error: 'a b' is not a name\n\"a b\" = {}\n^\n"
       "hint: a name begins with a letter or _ and goes on with letters, digits, _ and -; at most "
       "63\n"
       "p.toml:6:5: error: 'action.c' takes a table, not an integer\nc = 1\n    ^\n"},
  };
  for (const auto& c : kCases) EXPECT_EQ(errors_of(c.text), c.errors) << c.text;
}

TEST(PipelineFile, PlacesInsideStringsOfAllKinds) {
  const struct {
    std::string_view value;
    std::string_view place;
  } kCases[] = {
      {R"("a ; \u00e4 ; b")", ":2:17: error: 'ä' cannot stand here"},
      {R"('a ; $')", ":2:17: error: '$' cannot stand here"},
      {"\"a\\t;\\t$\"", ":2:19: error: '$' cannot stand here"},
      {"\"\"\"\na ;\n  $\"\"\"", ":4:3: error: '$' cannot stand here"},
      {"'''\na ;\n  $'''", ":4:3: error: '$' cannot stand here"},
      {"\"\"\"a ; \\\n   $\"\"\"", ":3:4: error: '$' cannot stand here"},
      {"[\n'a',\n'b ; $']", ":4:6: error: '$' cannot stand here"},
  };
  for (const auto& c : kCases) {
    const std::string text =
        "name = \"p\"\ndataflow = " + std::string(c.value) + "\n[node.a]\nrun = \"x\"\n";
    EXPECT_NE(errors_of(text).find(c.place), std::string::npos) << errors_of(text);
  }
  const std::string marked = "\xEF\xBB\xBFname = \"p\"\ndataflow = \"$\"\n";
  EXPECT_NE(errors_of(marked).find("p.toml:2:13: error: '$'"), std::string::npos);
}

TEST(PipelineFile, RefusesValues) {
  const struct {
    std::string_view lines;
    std::string_view errors;
  } kCases[] = {
      {"run = \"x\"\naction = \"y\"\nunit = \"batch\"",
       "7:1 node 'work' has both an action and a command\n"},
      {"unit = \"batch\"", "5:7 node 'work' has no program\n"},
      {"run = \" \"\nunit = \"batch\"", "6:7 the command is empty\n"},
      {"run = \"x\"\nargs = []\nunit = \"batch\"", "7:1 'args' are for an action\n"},
      {"run = \"a\\u0000b\"\nunit = \"batch\"", "6:7 'run' cannot hold a NUL byte\n"},
      {"action = \"weir:count\"\nunit = \"batch\"",
       "6:10 the built-in 'weir:count' is not supported by this version\n"},
      {"action = \"a b\"\nunit = \"batch\"", "6:10 'a b' is not the name of an action\n"},
      {"run = \"x\"\nprotocol = \"msgpack\"\nunit = \"batch\"",
       "7:12 protocol 'msgpack' is not supported by this version\n"},
      {"run = \"x\"\nprotocol = \"line\"\nunit = \"batch\"",
       "7:12 'line' is not a value of 'protocol': it takes \"pipe\", \"lines\", \"frames\"\n"},
      {"run = \"x\"\nunit = \"window\"", "7:8 unit 'window' is not supported by this version\n"},
      {"run = \"x\"\nprotocol = \"lines\"\nunit = \"batch\"",
       "8:1 'unit' is for protocol 'pipe'\n"},
      {"run = \"x\"\nunit = \"stream\"\nmax_records = 1\nmax_bytes = 1\nin_flight = 1",
       "8:1 'max_records' is for unit 'batch'\n9:1 'max_bytes' is for unit 'batch'\n"
       "10:1 'in_flight' is for protocols 'lines' and 'frames'\n"},
      {"run = \"x\"\nunit = \"batch\"\nrerun = true\nportable = false",
       "8:1 'rerun' is for sources; this node has inputs\n"
       "9:1 'portable' is for sources; this node has inputs\n"},
      {"run = \"x\"\nprotocol = \"frames\"\ndelimiter = \"\\n\"",
       "8:1 'delimiter' is for protocols 'pipe' and 'lines'\n"},
      {"run = \"x\"\nunit = \"batch\"\ndelimiter = \",\"",
       "8:13 a delimiter is a newline or a NUL byte\n"},
      {"run = \"x\"\nunit = \"batch\"\naccept = []",
       "8:10 at least one exit status must be accepted\n"},
      {"run = \"x\"\nunit = \"batch\"\naccept = [-1, 256, \"3-1\", \"x\", 127, \"100-130\", 1.5]",
       "8:11 an exit status lies between 0 and 255\n8:15 an exit status lies between 0 and 255\n"
       "8:20 an exit status or a range of them was expected\n"
       "8:27 an exit status or a range of them was expected\n8:32 126 and 127 cannot be accepted\n"
       "8:37 126 and 127 cannot be accepted\n"
       "8:48 an exit status or a range of them was expected\n"},
      {"run = \"x\"\nunit = \"batch\"\nretries = -1\nmax_dead = 1000001\nmax_records = 0",
       "8:11 'retries' lies between 0 and 1000\n9:12 'max_dead' lies between 0 and 1000000\n"
       "10:15 'max_records' lies between 1 and 10000000\n"},
      {"run = \"x\"\nunit = \"batch\"\nmax_bytes = 0\nmax_output = \"2PiB\"",
       "8:13 'max_bytes' lies between 1B and 1GiB\n9:14 '2PiB' is not a size: write a whole number "
       "and a unit, such as 512B, 64KiB, 8MiB, 1GiB or 1TiB\n"},
      {"run = \"x\"\nunit = \"batch\"\nbackoff = \"1m\"\nbackoff_max = \"1s\"",
       "8:1 backoff 1m is longer than backoff_max 1s\n"},
      {"run = \"x\"\nunit = \"batch\"\nbackoff = 100\nstall_timeout = \"25h\"",
       "8:11 'backoff' takes a duration with its unit\n"
       "9:17 'stall_timeout' lies between 0s and 1d\n"},
      {"run = \"x\"\nunit = \"batch\"\nenv = { WEIR_X = \"1\", A-B = \"2\", C = 3 }",
       "8:9 names that begin with WEIR_ are set by weir\n"
       "8:23 'A-B' is not a name for an environment variable\n"
       "8:38 'env' takes a string, not an integer\n"},
      {"run = \"x\"\nunit = \"batch\"\nallow = [\"example.org\", \"1.2.3.4/33\", \"::/129\", "
       "\"1.2.3\"]",
       "8:10 'example.org' is not an address\n8:25 '1.2.3.4/33' is not an address\n"
       "8:39 '::/129' is not an address\n8:49 '1.2.3' is not an address\n"},
      {"run = \"x\"\nunit = \"batch\"\nhosts = [\"a\", \"a\", \"..\"]",
       "8:15 'a' is listed twice\n8:20 '..' is not the name of an agent\n"},
  };
  for (const auto& c : kCases) EXPECT_EQ(node_errors(c.lines), c.errors) << c.lines;
  for (const std::string& key : unsupported_node_keys()) {
    EXPECT_EQ(node_errors("run = \"x\"\nunit = \"batch\"\n" + key + " = \"1\""),
              "8:1 '" + key + "' is not supported by this version\n");
  }
  EXPECT_NE(errors_of("name = \"p\"\ndataflow = \"a\"\n[node.a]\nrun = \"x\"\nunit = \"batch\"\n")
                .find("'unit' is for nodes with inputs; this one is a source"),
            std::string::npos);
}

TEST(PipelineFile, PrintsWhatMinusEStandsFor) {
  const auto up = graph::spec_from_expression("'seq 1 9' ; ('grep 7' || \"awk '{print}'\") ; 'wc'");
  ASSERT_TRUE(up);
  EXPECT_EQ(print_pipeline(*up.value),
            "name = \"up\"\n"
            "dataflow = \"seq ; (grep || awk) ; wc\"\n"
            "\n[node.seq]\nrun = \"seq 1 9\"\naccept = [\"0-125\"]\nrerun = true\n"
            "\n[node.grep]\nrun = \"grep 7\"\nunit = \"stream\"\naccept = [\"0-125\"]\n"
            "\n[node.awk]\nrun = \"awk '{print}'\"\nunit = \"stream\"\naccept = [\"0-125\"]\n"
            "\n[node.wc]\nrun = \"wc\"\nunit = \"stream\"\naccept = [\"0-125\"]\n");
}

TEST(PipelineFile, PrintedExpressionsReadBack) {
  int checked = 0;
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    const std::string text = graph::print(test::AstGenerator(seed).make(12, true));
    const auto spec = graph::spec_from_expression(text);
    ASSERT_TRUE(spec) << "seed " << seed << "\n" << graph::render(spec.diagnostics);
    const std::string toml = print_pipeline(*spec.value);
    const auto again = read_pipeline({"printed", toml}, kLenient);
    ASSERT_TRUE(again) << "seed " << seed << "\n" << graph::render(again.diagnostics);
    ASSERT_EQ(*again.value, *spec.value) << "seed " << seed << "\n" << toml;
    ++checked;
  }
  EXPECT_EQ(checked, 500);
}

// Fills a node with values that a file can say.
class SpecGenerator {
 public:
  explicit SpecGenerator(uint64_t seed) : random_(seed) {}

  // Nothing if the random graph was not a valid one.
  std::optional<PipelineSpec> make() {
    graph::Problems problems;
    const graph::Ast ast = random_.make(8);
    const graph::ResolvedGraph graph =
        graph::resolve({ast}, {.declared = std::nullopt, .allow_stdin = true}, problems);
    graph::validate(graph, problems);
    if (!problems.empty()) return std::nullopt;
    PipelineSpec spec = graph::skeleton("p" + std::to_string(random_.below(100)), graph);
    for (uint32_t i = 0; i < spec.nodes.size(); ++i) {
      fill(spec.nodes[i], graph::is_source(spec, i), graph::is_sink(spec, i));
      if (!spec.nodes[i].action.empty() && once_in(2)) {
        spec.actions[spec.nodes[i].action].file = text();
      }
    }
    return spec;
  }

 private:
  bool once_in(uint32_t n) { return random_.below(n) == 0; }

  std::string text() {
    constexpr std::string_view kPieces[] = {"a", "'",  "\"", "\\", "\n", "\t", "\x01", "\x7F",
                                            "ä", "日", "#",  "$",  " ",  "]]", "'''",  "\r"};
    std::string out = "x";
    for (uint32_t i = random_.below(8); i > 0; --i)
      out += kPieces[random_.below(std::size(kPieces))];
    return out;
  }

  void fill(NodeSpec& node, bool is_source, bool is_sink) {
    if (!node.caller_stdin) {
      node.run = once_in(2) ? text() : once_in(3) ? "grep x" : "";
      if (node.run.empty()) node.action = "act" + std::to_string(random_.below(3));
      node.protocol = static_cast<Protocol>(random_.below(3));
    }
    graph::set_defaults(node, is_source, is_sink);
    if (node.caller_stdin) return;
    if (!node.action.empty() && once_in(2)) node.args = {text(), "", text()};
    const bool is_pipe = node.protocol == Protocol::kPipe;
    if (is_pipe && !is_source) node.unit = static_cast<Unit>(random_.below(3));
    if (node.protocol != Protocol::kFrames && once_in(3)) node.delimiter = '\0';
    if (once_in(3)) node.accept = accept();
    if (once_in(3)) node.retries = random_.below(1001);
    if (once_in(3)) node.backoff_first = milliseconds(1 + random_.below(1000));
    if (once_in(3)) node.backoff_max = milliseconds(1000 + random_.below(86'399'001));
    if (once_in(3)) node.max_dead = random_.below(1'000'001);
    if (!is_pipe && once_in(3)) node.in_flight = 1 + random_.below(65'536);
    if (is_pipe && !is_source && node.unit == Unit::kBatch) {
      if (once_in(3)) node.max_records = 1 + random_.below(10'000'000);
      if (once_in(3)) node.max_bytes = 1 + random_.below(1u << 30);
    }
    if (once_in(3)) node.max_output_bytes = 1ull << random_.below(41);
    if (once_in(3)) node.durability = static_cast<Durability>(random_.below(2));
    if (is_source) node.rerun = once_in(3), node.portable = once_in(3);
    if (once_in(3)) node.stall_timeout = milliseconds(random_.below(86'400'001));
    if (once_in(3)) node.hosts = {"alpha", "b.example-1"};
    if (once_in(3)) node.env = {{"A", text()}, {"_b", ""}};
    if (once_in(3)) node.allow = {"all", "fe80::1", "10.1.0.0/16"};
  }

  std::vector<int> accept() {
    std::vector<int> all;
    for (int status = 0; status < 256; ++status) {
      if (status != 126 && status != 127 && once_in(2)) all.push_back(status);
    }
    return all;
  }

  test::AstGenerator random_;
};

TEST(PipelineFile, PrintAndReadAreInverse) {
  int checked = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    const std::optional<PipelineSpec> spec = SpecGenerator(seed).make();
    if (!spec) continue;
    const std::string toml = print_pipeline(*spec);
    const auto again = read_pipeline({"printed", toml}, kLenient);
    ASSERT_TRUE(again) << "seed " << seed << "\n" << toml << graph::render(again.diagnostics);
    ASSERT_EQ(*again.value, *spec) << "seed " << seed << "\n" << toml;
    ++checked;
  }
  EXPECT_GT(checked, 300);
}

}  // namespace
}  // namespace weir::config
