#include "ctl/output/instances.h"

#include <gtest/gtest.h>

#include "ctl/output/status_text.h"
#include "ctl/top/rows.h"
#include "schema/graph/expression.h"

namespace weir::ctl {
namespace {

// seq runs once, wc twice, on two agents.
wire::PipelineStatus two_of_wc() {
  wire::PipelineStatus status;
  status.name = "p";
  status.nodes.resize(2);
  status.nodes[0].name = "seq";
  status.nodes[0].instances.resize(1);
  status.nodes[1].name = "wc";
  status.nodes[1].instances.resize(2);
  status.nodes[0].instances[0].status.unsettled_records = 7;
  for (uint32_t i = 0; i < 2; ++i) {
    wire::InstanceReport& report = status.nodes[1].instances[i];
    report.agent = i == 0 ? "alpha" : "beta";
    report.status.instance = i;
    report.status.last_error = "error " + std::to_string(i);
  }
  return status;
}

TEST(Instances, AreCalledByTheirNumberOnlyWhereANodeHasSeveral) {
  EXPECT_EQ(instance_label("wc", 0, 1), "wc");
  EXPECT_EQ(instance_label("wc", 0, 2), "wc.0");
  EXPECT_EQ(instance_label("wc", 1, 2), "wc.1");
}

TEST(Instances, OfASpecComeInTheOrderOfItsNodes) {
  const graph::PipelineSpec spec = *graph::spec_from_expression("'seq 3' ; 'wc -l'").value;
  const std::vector<SpecInstance> all = instances_of(spec);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].label, "seq");
  EXPECT_EQ(all[1].label, "wc");
  EXPECT_EQ(all[1].node, 1u);
  EXPECT_EQ(instance_label(spec, "wc", 0), "wc");
  EXPECT_EQ(instance_label(spec, "gone", 3), "gone");
}

TEST(Instances, OfAStatusHaveKeyAndLabel) {
  const wire::PipelineStatus status = two_of_wc();
  const std::vector<KnownInstance> all = instances_of(status);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].label, "seq");
  EXPECT_EQ(all[1].label, "wc.0");
  EXPECT_EQ(all[2].label, "wc.1");
  EXPECT_EQ(all[2].key("p"), (wire::InstanceKey{"p", "wc", 1}));
  EXPECT_EQ(all[2].report->agent, "beta");
}

TEST(Instances, HaveEachARowAndTheirOwnErrorsInAStatus) {
  const std::string text = pipeline_text(two_of_wc());
  EXPECT_NE(text.find("wc.0  alpha"), std::string::npos) << text;
  EXPECT_NE(text.find("wc.1  beta"), std::string::npos) << text;
  EXPECT_NE(text.find("\nwc.0: error 0\nwc.1: error 1\n"), std::string::npos) << text;
}

TEST(Instances, OfANodeInTopLagBehindAllThatItsWritersHold) {
  const graph::PipelineSpec spec = *graph::spec_from_expression("'seq 3' ; 'wc -l'").value;
  const std::vector<TopRow> rows = top_rows(spec, two_of_wc());
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[2].name, "wc.1");
  EXPECT_EQ(rows[2].node, "wc");
  EXPECT_EQ(rows[2].lag_records, 7u);
}

}  // namespace
}  // namespace weir::ctl
