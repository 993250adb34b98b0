// The folder of one `weirctl up`: the cluster's state, and what lets a second `up` go on with it.
//
//   DIR/lock          flocked by weirctl and by all that it starts, until the last of them is gone
//   DIR/run           a random number: which run the files under --output belong to
//   DIR/graph         the pipeline, with the paths of its programs; another one is refused
//   DIR/broker/       the broker's store
//   DIR/agents/NAME/  each agent's orders and its wrappers' logs
//   DIR/logs/         what broker and agents say
//   DIR/weirctl/      how far weirctl itself has come
//   DIR/sockets/      unless their names would be too long: then in a folder of their own in /tmp
//
// Owns the lock, and the folders that are to be removed. Thread: any, one at a time. All of it
// survives a crash; a temporary folder then stays where it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schema/base/result.h"
#include "schema/graph/pipeline.h"
#include "schema/runtime/process.h"

namespace weir::ctl {

class DataFolder {
 public:
  // An empty `dir` makes a fresh one under `temporary_root`. kConflict: it is in use, is something
  // else than such a folder, or holds another graph (and what differs).
  static Result<DataFolder> open(const std::string& dir, const std::string& temporary_root,
                                 const graph::PipelineSpec& spec);

  const std::string& path() const { return path_; }
  const std::string& sockets() const { return sockets_; }
  std::string own() const { return path_ + "/weirctl"; }
  std::string logs() const { return path_ + "/logs"; }
  std::string agent(const std::string& name) const { return path_ + "/agents/" + name; }
  int lock_fd() const { return lock_->fd(); }
  uint64_t run() const { return run_; }
  bool is_temporary() const { return temporary_; }
  bool resumed() const { return resumed_; }
  // What is free on the disk of the logs of records, with what they have already; nothing if that
  // cannot be known.
  std::optional<uint64_t> room_bytes() const;

  // Removes the folder for sockets, and the whole folder if `all`. What cannot be removed stays.
  void clean(bool all);

 private:
  DataFolder() = default;
  Status prepare(const graph::PipelineSpec& spec);
  Status read_graph(const graph::PipelineSpec& spec);
  Status choose_sockets();

  std::string path_;
  std::string sockets_;
  std::optional<runtime::FileLock> lock_;
  uint64_t run_ = 0;
  bool temporary_ = false;
  bool resumed_ = false;
};

// Where `now` is another graph than `before`, in words; empty if it is the same.
std::string difference(const graph::PipelineSpec& before, const graph::PipelineSpec& now);

// TMPDIR, or /tmp.
std::string temporary_root();

}  // namespace weir::ctl
