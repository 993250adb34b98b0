#include "ctl/logs/log_files.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace weir::ctl {
namespace {

// "grep.0"; what stands behind the number says of which run the instance was.
std::pair<std::string, uint32_t> instance_named(const std::string& name) {
  const size_t dot = std::min(name.rfind('.'), name.size());
  uint32_t instance = 0;
  if (dot < name.size()) {
    std::from_chars(name.data() + dot + 1, name.data() + name.size(), instance);
  }
  return {name.substr(0, dot), instance};
}

}  // namespace

Status LogFiles::find_files() {
  Result<std::vector<std::string>> folders = config_.folders();
  if (!folders) return std::move(folders).error();
  Status result;
  for (const std::string& folder : *folders) {
    if (Status found = find_files_in(folder); !found) result = found;
  }
  looked_ = true;
  return result;
}

Status LogFiles::find_files_in(const std::string& folder) {
  std::error_code failure;
  Status result;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    std::string name = entry.path().filename();
    if (name.ends_with(".1")) name.resize(name.size() - 2);
    if (!name.ends_with(config_.suffix)) continue;
    const std::string path = (entry.path().parent_path() / name).string();
    name.resize(name.size() - config_.suffix.size());
    const auto [node, instance] = instance_named(name);
    const auto& nodes = config_.nodes;
    const auto place = std::find(nodes.begin(), nodes.end(), node);
    if (!nodes.empty() && place == nodes.end()) continue;
    const auto rank = static_cast<size_t>(place - nodes.begin());
    if (Status added = add(path, config_.label(node, instance), rank); !added) result = added;
  }
  // A folder that is not there yet has no files.
  if (failure && failure != std::errc::no_such_file_or_directory) {
    return Error{ErrorCode::kIo, "read folder " + folder + ": " + failure.message()};
  }
  return result;
}

Status LogFiles::add(const std::string& path, std::string label, size_t rank) {
  const auto [at, is_new] =
      files_.try_emplace({rank, path}, File{std::move(label), LineFile(path)});
  if (!is_new) return {};
  LineFile& lines = at->second.lines;
  Status begun;
  if (config_.tail && !looked_) begun = lines.begin_at_tail(*config_.tail);
  if (!config_.follow) lines.end_at_end();
  return begun;
}

Result<bool> LogFiles::poll_file(File& file, const OnLine& on_line) const {
  const auto of_node = [&](std::string_view line) { on_line(file.label, line); };
  Result<bool> drained = file.lines.poll(of_node);
  // What is not followed is shown file by file.
  while (!config_.follow && drained && !*drained) drained = file.lines.poll(of_node);
  return drained;
}

Result<LogSource::Progress> LogFiles::poll(const OnLine& on_line) {
  Status result;
  if (!looked_ || config_.follow) result = find_files();
  Progress progress = Progress::kDrained;
  for (auto& [key, file] : files_) {
    const Result<bool> drained = poll_file(file, on_line);
    if (!drained) {
      result = drained.error();
    } else if (!*drained) {
      progress = Progress::kMore;
    }
  }
  // What can be read comes first.
  if (!result && progress == Progress::kDrained) return std::move(result).error();
  return progress;
}

void LogFiles::finish(const OnLine& on_line) {
  for (auto& entry : files_) {
    File& file = entry.second;
    file.lines.finish([&](std::string_view line) { on_line(file.label, line); });
  }
}

}  // namespace weir::ctl
