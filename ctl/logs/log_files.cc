#include "ctl/logs/log_files.h"

#include <algorithm>
#include <filesystem>

namespace weir::ctl {

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
    // "grep.0.stderr" is of node grep.
    name.resize(name.size() - config_.suffix.size());
    name.resize(std::min(name.rfind('.'), name.size()));
    const auto& nodes = config_.nodes;
    const auto place = std::find(nodes.begin(), nodes.end(), name);
    if (!nodes.empty() && place == nodes.end()) continue;
    const auto rank = static_cast<size_t>(place - nodes.begin());
    if (Status added = add(path, name, rank); !added) result = added;
  }
  // A folder that is not there yet has no files.
  if (failure && failure != std::errc::no_such_file_or_directory) {
    return Error{ErrorCode::kIo, "read folder " + folder + ": " + failure.message()};
  }
  return result;
}

Status LogFiles::add(const std::string& path, const std::string& node, size_t rank) {
  const auto [at, is_new] = files_.try_emplace({rank, path}, File{node, LineFile(path)});
  if (!is_new) return {};
  LineFile& lines = at->second.lines;
  Status begun;
  if (config_.tail && !looked_) begun = lines.begin_at_tail(*config_.tail);
  if (!config_.follow) lines.end_at_end();
  return begun;
}

Result<bool> LogFiles::poll_file(File& file, const OnLine& on_line) const {
  const auto of_node = [&](std::string_view line) { on_line(file.node, line); };
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
    file.lines.finish([&](std::string_view line) { on_line(file.node, line); });
  }
}

}  // namespace weir::ctl
