#include "ctl/commands/pipeline_put.h"

#include <filesystem>
#include <map>
#include <memory>
#include <ostream>

#include "ctl/actions/shown_upload.h"
#include "ctl/base/exit_code.h"
#include "ctl/cli/pipeline_input.h"
#include "ctl/cluster/needs.h"
#include "ctl/output/units.h"
#include "schema/graph/diagnostic.h"

namespace weir::ctl {
namespace {

using ActionFiles = std::map<std::string, ActionFile>;

// The folder that paths in the pipeline file are relative to.
std::filesystem::path folder_of(const std::string& file) {
  return file == "-" ? std::filesystem::path() : std::filesystem::path(file).parent_path();
}

class Put {
 public:
  Put(Program& program, Session& session, const graph::PipelineSpec& spec, const ActionFiles& files)
      : program_(program), session_(session), spec_(spec), files_(files) {}

  int run() {
    // Programs of a pipeline that is then refused would be there for others to run.
    bool is_put = false;
    if (Status put = put_if_likely_refused(is_put); !put) return session_.fail(put.error());
    for (const auto& [name, file] : files_) {
      const auto uploaded = upload_with_progress(program_, session_, name, file);
      if (!uploaded) return session_.fail(uploaded.error());
      program_.streams().out << describe(*uploaded);
    }
    if (!is_put) {
      if (Status put = ask(); !put) return session_.fail(put.error());
    }
    tell_missing_actions();
    program_.streams().out << "pipeline '" << spec_.name
                           << "' is stored: " << counted(spec_.nodes.size(), "node") << ", "
                           << counted(spec_.edges.size(), "edge") << "\n";
    return kDone;
  }

 private:
  Status ask() {
    const auto done = session_.ask<wire::Ok>(wire::PipelinePut{spec_});
    return done ? Status() : Status(done.error());
  }

  Status put_if_likely_refused(bool& is_put) {
    const auto known = session_.ask<wire::PipelineSpecIs>(wire::PipelineGet{spec_.name});
    if (!known && known.error().code == ErrorCode::kNotFound) return {};
    if (!known) return known.error();
    const auto status = session_.ask<wire::PipelineStatus>(wire::PipelineStatusRequest{spec_.name});
    if (!status) return status.error();
    if (status->state == wire::PipelineState::kStored || known->spec == spec_) return {};
    is_put = true;
    return ask();
  }

  // It is stored all the same: they may come later.
  void tell_missing_actions() {
    const auto actions = session_.ask<wire::ActionListIs>(wire::ActionList{});
    if (!actions) return;
    for (const MissingAction& missing : missing_actions(spec_, actions->versions)) {
      const std::string& action = spec_.nodes[missing.node].action;
      program_.note(describe(spec_, missing) + "; " +
                    (missing.hint.empty()
                         ? "upload it with 'weirctl action put " + action + " FILE'"
                         : missing.hint));
    }
  }

  Program& program_;
  Session& session_;
  const graph::PipelineSpec& spec_;
  const ActionFiles& files_;
};

// All that is wrong with the files of the actions, not just with the first.
bool open_files(Program& program, const std::string& file, const graph::PipelineSpec& spec,
                ActionFiles& files) {
  bool good = true;
  for (const auto& [name, action] : spec.actions) {
    auto opened = ActionFile::open((folder_of(file) / action.file).lexically_normal().string());
    if (opened) {
      files.emplace(name, *std::move(opened));
    } else {
      good = false;
      program.fail(Error(opened.error()).in("action '" + name + "'"));
    }
  }
  return good;
}

int put(Program& program, const std::string& file) {
  PipelineInput input;
  input.file = file;
  const auto loaded = load_pipeline(input, {.allow_unknown_actions = true}, program.streams().in);
  if (!loaded) return program.fail(loaded.error());
  if (!*loaded) {
    program.streams().err << graph::render(loaded->diagnostics);
    return kFailed;
  }
  ActionFiles files;
  if (!open_files(program, file, *loaded->value, files)) return kFailed;
  return with_broker(program, [&](Session& session) {
    return Put(program, session, *loaded->value, files).run();
  });
}

}  // namespace

void add_pipeline_put(Program& program) {
  auto file = std::make_shared<std::string>();
  Command command = program.add_command(
      "pipeline put",
      {.summary = "store a pipeline, and upload the programs that its file names",
       .examples = "weirctl pipeline put pipeline.toml\n"
                   "weirctl pipeline put - < pipeline.toml"},
      [&program, file] { return put(program, *file); });
  command.argument(
      {.names = "FILE", .help = "a pipeline file; - is standard input", .is_required = true},
      *file);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
