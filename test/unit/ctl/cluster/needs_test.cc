#include "ctl/cluster/needs.h"

#include <gtest/gtest.h>

#include "schema/config/pipeline_file.h"

namespace weir::ctl {
namespace {

constexpr char kText[] = R"toml(name = "p"
dataflow = "a ; b ; c"
node.a = { run = "seq 3", hosts = ["alpha"] }
node.b = { action = "tool", unit = "batch", hosts = ["alhpa", "beta"] }
[node.c]
action = "own"
unit = "batch"
hosts = ["gone", "beta"]
[action.own]
file = "own"
)toml";

graph::PipelineSpec spec() {
  return *config::read_pipeline({"p.toml", kText}, {.allow_unknown_actions = true}).value;
}

wire::AgentSummary agent(const std::string& name, bool connected) {
  return {name, "", connected, 0, 0};
}

std::vector<std::string> descriptions(const std::vector<wire::AgentSummary>& agents) {
  std::vector<std::string> texts;
  for (const MissingHost& missing : missing_hosts(spec(), agents)) {
    texts.push_back(describe(spec(), missing) + (missing.hint.empty() ? "" : "; " + missing.hint));
  }
  return texts;
}

TEST(Needs, NameHostsThatAreNotConnected) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(
      descriptions({agent("alpha", true), agent("beta", true), agent("gone", false)}),
      (Texts{"node 'b' names host 'alhpa', which the broker does not know; it goes to beta; did "
             "you mean 'alpha'?",
             "node 'c' names host 'gone', which is not connected; it goes to beta"}));
  EXPECT_EQ(descriptions({agent("alpha", false), agent("beta", false), agent("gone", false)}),
            (Texts{"node 'a' waits for host 'alpha', which is not connected",
                   "node 'b' waits for host 'alhpa', which the broker does not know; did you mean "
                   "'alpha'?",
                   "node 'b' waits for host 'beta', which is not connected",
                   "node 'c' waits for host 'gone', which is not connected",
                   "node 'c' waits for host 'beta', which is not connected"}));
}

TEST(Needs, AreMetByAnyAgentWithoutHosts) {
  graph::PipelineSpec any = spec();
  for (graph::NodeSpec& node : any.nodes) node.hosts.clear();
  EXPECT_TRUE(missing_hosts(any, {agent("x", true)}).empty());
  const auto missing = missing_hosts(any, {agent("x", false)});
  ASSERT_EQ(missing.size(), 3u);
  EXPECT_EQ(describe(any, missing[0]), "node 'a' waits for an agent: none is connected");
}

TEST(Needs, NameActionsThatNobodyHas) {
  const auto missing = missing_actions(spec(), {{{"tol", 1, "", 1}, 0, {}}});
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(describe(spec(), missing[0]),
            "node 'b': no action is named 'tool', neither in the file nor at the broker");
  EXPECT_EQ(missing[0].hint, "did you mean 'tol'?");
  EXPECT_TRUE(missing_actions(spec(), {{{"tool", 1, "", 1}, 0, {}}}).empty());
}

std::vector<std::string> places(const graph::Diagnostics& diagnostics) {
  std::vector<std::string> all;
  for (const graph::Diagnostic& d : diagnostics) {
    all.push_back(std::to_string(d.line) + ":" + std::to_string(d.column) + " " + d.message +
                  " | " + d.hint);
  }
  return all;
}

TEST(Needs, AreShownAsMistakesInTheText) {
  const auto wrong = check_against_cluster({"p.toml", kText}, spec(),
                                           {agent("alpha", true), agent("beta", true)}, {});
  EXPECT_EQ(places(wrong),
            (std::vector<std::string>{
                "4:21 node 'b': no action is named 'tool', neither in the file nor at the broker | "
                "upload it with 'weirctl action put tool FILE', or declare [action.tool]",
                "4:54 node 'b' names host 'alhpa', which the broker does not know; it goes to beta "
                "| did you mean 'alpha'?",
                "8:10 node 'c' names host 'gone', which the broker does not know; it goes to beta "
                "| 'weirctl agent list' shows those that are there"}));
}

TEST(Needs, WithoutAPlaceInTheTextAreShownWithoutOne) {
  graph::PipelineSpec any = spec();
  for (graph::NodeSpec& node : any.nodes) node.hosts.clear();
  const auto wrong = check_against_cluster({"-e", ""}, any, {}, {{{"tool", 1, "", 1}, 0, {}}});
  ASSERT_EQ(wrong.size(), 3u);
  EXPECT_EQ(places(wrong)[0],
            "0:0 node 'a' waits for an agent: none is connected | 'weirctl agent list' shows those "
            "that are there");
}

TEST(Needs, DoNotNameAStandbyThatIsAway) {
  const std::vector<wire::ActionVersion> actions{{{"tool", 1, "", 1}, 0, {}}};
  const auto wrong = check_against_cluster(
      {"p.toml", kText}, spec(),
      {agent("alpha", true), agent("beta", true), agent("gone", false), agent("alhpa", false)},
      actions);
  EXPECT_EQ(graph::render(wrong), "");
  EXPECT_EQ(check_against_cluster({"p.toml", kText}, spec(), {agent("beta", true)}, actions).size(),
            3u);
}

}  // namespace
}  // namespace weir::ctl
