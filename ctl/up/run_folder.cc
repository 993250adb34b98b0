#include "ctl/up/run_folder.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "ctl/base/files.h"
#include "ctl/output/instances.h"
#include "ctl/up/completion.h"
#include "schema/graph/diagnostic.h"
#include "schema/wire/control.h"

namespace weir::ctl {
namespace {

namespace fs = std::filesystem;

// The names in a folder, sorted; none if it is not there.
Result<std::vector<std::string>> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code failure;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, failure)) {
    names.push_back(entry.path().filename());
  }
  if (failure && failure != std::errc::no_such_file_or_directory) {
    return Error{ErrorCode::kIo, "read folder " + folder + ": " + failure.message()};
  }
  std::sort(names.begin(), names.end());
  return names;
}

// "grep.0"
bool read_name(const std::string& name, InstanceLog& log) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return false;
  log.node = name.substr(0, dot);
  const char* const end = name.data() + name.size();
  const auto [at, failure] = std::from_chars(name.data() + dot + 1, end, log.instance);
  return failure == std::errc() && at == end;
}

}  // namespace

Result<RunFolder> RunFolder::open(const std::string& path) {
  RunFolder folder;
  folder.path_ = path;
  std::error_code failure;
  if (!fs::is_directory(path, failure)) {
    return Error{ErrorCode::kNotFound, graph::printable(path) + ": there is no such folder"};
  }
  Result<std::optional<std::string>> graph = read_small_file(path + "/graph");
  if (!graph) return std::move(graph).error();
  if (!*graph) {
    return Error{ErrorCode::kNotFound,
                 graph::printable(path) + " is not the data folder of a 'weirctl up'"};
  }
  Result<graph::PipelineSpec> spec = wire::decode_spec(**graph);
  if (!spec) return std::move(spec).error().in(path + "/graph");
  folder.spec_ = *std::move(spec);
  return folder;
}

Result<std::vector<std::string>> RunFolder::agents() const {
  std::error_code failure;
  if (!fs::exists(path_, failure)) {
    return Error{ErrorCode::kNotFound, graph::printable(path_) + " is gone"};
  }
  return names_in(path_ + "/agents");
}

Result<std::vector<std::string>> RunFolder::log_folders() const {
  Result<std::vector<std::string>> folders = agents();
  if (!folders) return folders;
  for (std::string& folder : *folders) {
    folder = agent_folder(folder) + "/logs/" + spec_.name;
  }
  return folders;
}

bool RunFolder::is_complete() const { return read_completion(path_).has_value(); }

Result<std::vector<InstanceLog>> RunFolder::record_logs(
    const std::vector<std::string>& nodes) const {
  Result<std::vector<std::string>> agent_names = agents();
  if (!agent_names) return std::move(agent_names).error();
  std::vector<InstanceLog> logs;
  for (const std::string& agent : *agent_names) {
    const std::string folder = agent_folder(agent) + "/wal/" + spec_.name;
    Result<std::vector<std::string>> names = names_in(folder);
    if (!names) return std::move(names).error();
    for (const std::string& name : *names) {
      InstanceLog log;
      if (!read_name(name, log)) continue;
      log.label = instance_label(spec_, log.node, log.instance);
      log.dir.append(folder).append("/").append(name);
      if (std::find(nodes.begin(), nodes.end(), log.node) != nodes.end()) {
        logs.push_back(std::move(log));
      }
    }
  }
  const auto place = [&](const InstanceLog& log) {
    return std::find(nodes.begin(), nodes.end(), log.node) - nodes.begin();
  };
  std::stable_sort(logs.begin(), logs.end(), [&](const InstanceLog& a, const InstanceLog& b) {
    return std::pair(place(a), a.instance) < std::pair(place(b), b.instance);
  });
  return logs;
}

}  // namespace weir::ctl
