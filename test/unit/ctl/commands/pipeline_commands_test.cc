// pipeline put, check --broker, get, run; action put, get: what is asked, in which order.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ctl/base/exit_code.h"
#include "schema/config/pipeline_file.h"
#include "schema/content/sha256.h"
#include "test/unit/ctl/fake_broker.h"
#include "test/unit/ctl/logs/temp_folder.h"

namespace weir::ctl {
namespace {

constexpr char kText[] = R"toml(
name = "p"
dataflow = "gen ; work"
node.gen = { run = "seq 3", hosts = ["alpha"] }
node.work = { action = "tool", unit = "batch" }
action.tool = { file = "bin/tool.sh" }
)toml";

class PipelineCommands : public testing::Test {
 protected:
  PipelineCommands() {
    std::filesystem::create_directories(folder_.path("bin"));
    std::ofstream(folder_.path("bin/tool.sh")) << "#!/bin/sh\ncat\n";
    std::ofstream(folder_.path("p.toml")) << kText;
    world_.answer = [this](const wire::Message& question) { return answer(question); };
  }

  Result<wire::Message> answer(const wire::Message& question) {
    if (std::holds_alternative<wire::PipelineGet>(question)) {
      if (stored_) return wire::Message(wire::PipelineSpecIs{*stored_});
      return Error{ErrorCode::kNotFound, "no pipeline is named \"p\""};
    }
    if (std::holds_alternative<wire::PipelineStatusRequest>(question)) {
      return wire::Message(wire::PipelineStatus{"p", state_, reason_, {}});
    }
    if (std::holds_alternative<wire::BrokerStatusRequest>(question)) {
      return wire::Message(wire::BrokerStatus{agents_, {}});
    }
    if (std::holds_alternative<wire::ActionList>(question)) {
      return wire::Message(wire::ActionListIs{versions_});
    }
    if (std::holds_alternative<wire::ActionFind>(question)) {
      return Error{ErrorCode::kNotFound, "no action is named so"};
    }
    if (const auto* put = std::get_if<wire::ActionPut>(&question)) {
      return wire::Message(wire::ActionStored{{put->name, 1, put->sha256, put->bytes}});
    }
    if (std::holds_alternative<wire::PipelinePut>(question) && is_refused_) {
      return Error{ErrorCode::kConflict, "it was run as another graph"};
    }
    return wire::Message(wire::Ok{});
  }

  graph::PipelineSpec spec() { return *config::read_pipeline({"p.toml", kText}, {}).value; }
  FakeRun run(std::vector<std::string> arguments, const std::string& in = "") {
    return run_with(world_, std::move(arguments), in);
  }
  // The kinds of what was asked, without questions that change nothing.
  std::vector<std::string> changes() const {
    std::vector<std::string> kinds;
    for (const wire::Message& message : world_.asked) {
      const std::string kind(wire::type_name(message));
      if (kind == "action.put" || kind == "pipeline.put" || kind == "pipeline.run") {
        kinds.push_back(kind);
      }
    }
    return kinds;
  }

  FakeWorld world_;
  TempFolder folder_;
  std::optional<graph::PipelineSpec> stored_;
  wire::PipelineState state_ = wire::PipelineState::kStored;
  std::string reason_;
  std::vector<wire::AgentSummary> agents_{{"alpha", "", true, 0, 0}};
  std::vector<wire::ActionVersion> versions_;
  bool is_refused_ = false;
};

using Kinds = std::vector<std::string>;

TEST_F(PipelineCommands, PutUploadsFirst) {
  const FakeRun put = run({"pipeline", "put", folder_.path("p.toml")});
  EXPECT_EQ(put.code, kDone) << put.err;
  EXPECT_EQ(changes(), (Kinds{"action.put", "pipeline.put"}));
  EXPECT_EQ(put.out, "action 'tool': version 1, 14 B, sha256 " +
                         content::sha256_of("#!/bin/sh\ncat\n") +
                         "\npipeline 'p' is stored: 2 nodes, 1 edge\n");
  EXPECT_EQ(put.err, "");
}

TEST_F(PipelineCommands, PutOfWhatWillBeRefusedUploadsNothing) {
  stored_ = spec();
  stored_->nodes[0].run = "seq 4";
  state_ = wire::PipelineState::kRunning;
  is_refused_ = true;
  const FakeRun put = run({"pipeline", "put", folder_.path("p.toml")});
  EXPECT_EQ(put.code, kConflict);
  EXPECT_EQ(put.err, "weirctl: it was run as another graph\n");
  EXPECT_EQ(changes(), Kinds{"pipeline.put"});
}

TEST_F(PipelineCommands, PutSaysAllThatIsWrongAndAsksNothing) {
  std::filesystem::remove(folder_.path("bin/tool.sh"));
  FakeRun put = run({"pipeline", "put", folder_.path("p.toml")});
  EXPECT_EQ(put.code, kFailed);
  EXPECT_EQ(put.err, "weirctl: action 'tool': " + folder_.path("bin/tool.sh") +
                         ": No such file or directory\n");
  put = run({"pipeline", "put", "-"}, "name = \"P\"\n");
  EXPECT_EQ(put.code, kFailed);
  EXPECT_NE(put.err.find("<stdin>:1:8: error: 'P' is not the name of a pipeline\n"),
            std::string::npos)
      << put.err;
  EXPECT_EQ(run({"pipeline", "put", folder_.path("none")}).code, kNotFound);
  EXPECT_TRUE(world_.asked.empty());
}

TEST_F(PipelineCommands, PutTellsOfActionsThatNobodyHas) {
  const std::string text = "name = \"p\"\ndataflow = \"a\"\nnode.a = { action = \"tol\" }\n";
  FakeRun put = run({"pipeline", "put", "-"}, text);
  EXPECT_EQ(put.code, kDone);
  EXPECT_EQ(put.err,
            "weirctl: note: node 'a': no action is named 'tol', neither in the file nor at the "
            "broker; upload it with 'weirctl action put tol FILE'\n");
  versions_ = {{{"tol", 1, "", 1}, 0, {}}};
  EXPECT_EQ(run({"pipeline", "put", "-"}, text).err, "");
}

TEST_F(PipelineCommands, CheckAsksTheBrokerIfItShould) {
  const std::string path = folder_.path("p.toml");
  EXPECT_EQ(run({"pipeline", "check", path}).code, kDone);
  EXPECT_TRUE(world_.asked.empty());
  EXPECT_EQ(run({"pipeline", "check", "--broker", path}).code, kDone);
  EXPECT_EQ(world_.endpoint, "ipc:///run/user/1/weir/broker/control/socket");
  agents_[0].connected = false;
  const FakeRun check = run({"pipeline", "check", "--broker=tcp://x:1", path});
  EXPECT_EQ(check.code, kFailed);
  EXPECT_EQ(world_.endpoint, "tcp://x:1");
  EXPECT_NE(check.err.find(path + ":4:38: error: node 'gen' waits for host 'alpha', which is not "
                                  "connected\n"),
            std::string::npos)
      << check.err;
  const auto json =
      nlohmann::json::parse(run({"pipeline", "check", "--broker", "-o", "json", path}).out);
  EXPECT_EQ(json.size(), 2u) << "the other node may run on any agent, and there is none";
  EXPECT_EQ(json[0]["line"], 0);
  EXPECT_EQ(json[1]["line"], 4);
}

TEST_F(PipelineCommands, GetIsAFileAgain) {
  stored_ = spec();
  const FakeRun get = run({"pipeline", "get", "p"});
  EXPECT_EQ(*config::read_pipeline({"p", get.out}, {}).value, *stored_);
  const auto json = nlohmann::json::parse(run({"pipeline", "get", "p", "-o", "json"}).out);
  EXPECT_EQ(json["file"], get.out);
  EXPECT_EQ(json["nodes"][1]["inputs"][0], "gen");
}

TEST_F(PipelineCommands, RunSaysWhatItWaitsFor) {
  stored_ = spec();
  state_ = wire::PipelineState::kStarting;
  agents_ = {{"alpah", "", true, 0, 0}};
  const FakeRun run = this->run({"pipeline", "run", "p"});
  EXPECT_EQ(run.code, kDone);
  EXPECT_EQ(changes(), Kinds{"pipeline.run"});
  EXPECT_EQ(run.out, "pipeline 'p' is starting\n");
  EXPECT_EQ(run.err,
            "weirctl: note: node 'gen' waits for host 'alpha', which the broker does not know; did "
            "you mean 'alpah'?\n");
}

TEST_F(PipelineCommands, RunOfACompletedPipelineSaysSo) {
  stored_ = spec();
  state_ = wire::PipelineState::kFailed;
  reason_ = "gen: no such program";
  FakeRun run = this->run({"pipeline", "run", "p"});
  EXPECT_EQ(run.err,
            "weirctl: note: it has failed: gen: no such program; 'weirctl pipeline stop p' and "
            "'run' try it again\n");
  state_ = wire::PipelineState::kCompleted;
  run = this->run({"pipeline", "run", "p", "--wait=completed"});
  EXPECT_EQ(run.code, kDone);
  EXPECT_EQ(run.out, "pipeline 'p' is completed\n");
  EXPECT_EQ(run.err,
            "weirctl: note: it has processed all its input already; to do that once more, remove "
            "it ('weirctl pipeline rm p') and put it again\n");
}

TEST_F(PipelineCommands, ActionPutPrintsTheVersion) {
  const FakeRun put = run({"action", "put", "tool", folder_.path("bin/tool.sh"), "-o", "json"});
  EXPECT_EQ(put.code, kDone) << put.err;
  const auto json = nlohmann::json::parse(put.out);
  EXPECT_EQ(json["name"], "tool");
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["bytes"], 14);
  EXPECT_EQ(run({"action", "put", "a b", folder_.path("bin/tool.sh")}).code, kUsage);
  EXPECT_EQ(run({"action", "put", "tool", folder_.path("none")}).code, kNotFound);
  EXPECT_EQ(run({"action", "put", "tool", folder_.path()}).code, kFailed);
  const FakeRun text = run({"action", "put", "tool", folder_.path("p.toml")});
  EXPECT_EQ(text.code, kDone);
  EXPECT_EQ(text.err, "weirctl: note: " + folder_.path("p.toml") +
                          " is neither an ELF program nor a script that begins with #!, so it may "
                          "not run\n");
}

}  // namespace
}  // namespace weir::ctl
