// The data folder of a `weirctl up`, running or not, as other commands look at it: nothing in it is
// written, locked or made. How it is laid out is told in data_folder.h, and inside of agents/NAME
// by the agent.
#pragma once

#include <string>
#include <vector>

#include "ctl/base/node_names.h"
#include "schema/base/result.h"
#include "schema/graph/pipeline.h"

namespace weir::ctl {

// The log of one node instance on one agent.
struct InstanceLog {
  std::string node;
  uint32_t instance = 0;
  std::string label{};  // As users call it.
  std::string dir{};
};

class RunFolder {
 public:
  // kNotFound: there is no such folder, or it is something else; kCorrupt, kIo.
  static Result<RunFolder> open(const std::string& path);

  const std::string& path() const { return path_; }
  const graph::PipelineSpec& spec() const { return spec_; }

  // See ctl/base/node_names.h.
  Result<std::vector<std::string>> nodes_named(const std::vector<std::string>& names) const {
    return ctl::nodes_named(spec_, names);
  }

  // Where the agents that are there keep what wrappers and programs say. kNotFound: the whole data
  // folder is gone.
  Result<std::vector<std::string>> log_folders() const;
  // The run is over: nothing more comes.
  bool is_complete() const;
  // The records' logs of these nodes that are there, in the order of the graph.
  Result<std::vector<InstanceLog>> record_logs(const std::vector<std::string>& nodes) const;

 private:
  RunFolder() = default;
  Result<std::vector<std::string>> agents() const;
  std::string agent_folder(const std::string& name) const { return path_ + "/agents/" + name; }

  std::string path_;
  graph::PipelineSpec spec_;
};

}  // namespace weir::ctl
