#include "ctl/up/actions.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "schema/base/mounts.h"

namespace weir::ctl {
namespace {

// What is wrong with a program's file; empty if nothing is.
std::string trouble(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return "there is no such file";
    return std::strerror(errno);  // NOLINT(concurrency-mt-unsafe): one thread so far.
  }
  if (S_ISDIR(info.st_mode)) return "it is a folder, not a program";
  if (!S_ISREG(info.st_mode)) return "it is not a regular file";
  // First: access() says no of a file there whatever its mode is.
  if (const auto mount = noexec_mount(path)) return "it " + noexec_text(*mount);
  if (::access(path.c_str(), X_OK) != 0) return "it is not executable (chmod +x " + path + ")";
  return "";
}

}  // namespace

std::vector<std::string> resolve_actions(graph::PipelineSpec& spec, const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> wrong;
  std::vector<std::string> looked_at;
  for (graph::NodeSpec& node : spec.nodes) {
    const auto action = spec.actions.find(node.action);
    if (action == spec.actions.end()) continue;
    const fs::path written = fs::path(folder.empty() ? "." : folder) / action->second.file;
    const std::string path = fs::absolute(written).lexically_normal();
    if (std::find(looked_at.begin(), looked_at.end(), action->first) == looked_at.end()) {
      looked_at.push_back(action->first);
      if (const std::string why = trouble(path); !why.empty()) {
        std::string text = "action '";
        text.append(action->first).append("': ").append(path).append(": ").append(why);
        wrong.push_back(std::move(text));
      }
    }
    node.action = path;
  }
  return wrong;
}

std::vector<std::string> agent_names(const graph::PipelineSpec& spec, uint32_t count) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const graph::NodeSpec& node : spec.nodes) {
    for (const std::string& host : node.hosts) add(host);
  }
  const size_t wanted = std::max<size_t>(count, 1);
  for (size_t i = 1; names.size() < wanted; ++i) add("agent-" + std::to_string(i));
  return names;
}

}  // namespace weir::ctl
