#include "ctl/up/stderr_follow.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

namespace weir::ctl {
namespace {

constexpr std::string_view kSuffix = ".stderr";

// "grep.0.stderr" is of node grep.
std::string node_of(std::string name) {
  name.resize(name.size() - kSuffix.size());
  return name.substr(0, name.rfind('.'));
}

}  // namespace

StderrFollow::StderrFollow(std::vector<std::string> folders, OnLine on_line)
    : folders_(std::move(folders)), on_line_(std::move(on_line)) {}

void StderrFollow::find_files() {
  for (const std::string& folder : folders_) {
    std::error_code ignored;  // A folder that is not there yet has no files.
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      const std::string name = entry.path().filename();
      if (!name.ends_with(kSuffix)) continue;
      File& file = files_[entry.path()];
      if (file.node.empty()) file.node = node_of(name);
    }
  }
}

void StderrFollow::open_file(const std::string& path, File& file, off_t offset) {
  file.fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!file.fd.valid() || ::fstat(file.fd.get(), &info) != 0) return;
  file.inode = info.st_ino;
  if (offset != 0) ::lseek(file.fd.get(), 0, SEEK_END);
}

void StderrFollow::skip_existing() {
  find_files();
  for (auto& [path, file] : files_) open_file(path, file, 1);
}

bool StderrFollow::was_replaced(const std::string& path, const File& file) const {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && info.st_ino != file.inode;
}

size_t StderrFollow::read_some(File& file) {
  char buffer[16384];
  size_t total = 0;
  while (total < kBytesPerPoll) {
    const ssize_t count = ::read(file.fd.get(), buffer, sizeof buffer);
    if (count <= 0) break;
    total += static_cast<size_t>(count);
    file.partial.append(buffer, static_cast<size_t>(count));
    hand_out(file, false);
  }
  return total;
}

void StderrFollow::hand_out(File& file, bool all) {
  size_t from = 0;
  for (size_t end = 0; (end = file.partial.find('\n', from)) != std::string::npos; from = end + 1) {
    on_line_(file.node, std::string_view(file.partial).substr(from, end + 1 - from));
  }
  file.partial.erase(0, from);
  if (file.partial.empty() || (!all && file.partial.size() < kLineBytesMax)) return;
  on_line_(file.node, file.partial + "\n");
  file.partial.clear();
}

bool StderrFollow::poll() {
  find_files();
  bool drained = true;
  for (auto& [path, file] : files_) {
    if (!file.fd.valid()) open_file(path, file, 0);
    if (!file.fd.valid()) continue;
    // Asked before the last read: what came in between is then read from the old file.
    const bool replaced = was_replaced(path, file);
    if (read_some(file) >= kBytesPerPoll) {
      drained = false;
    } else if (replaced) {
      open_file(path, file, 0);
      drained = false;
    }
  }
  return drained;
}

void StderrFollow::finish() {
  while (!poll()) {
  }
  for (auto& [path, file] : files_) hand_out(file, true);
}

}  // namespace weir::ctl
