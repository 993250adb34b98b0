#include "ctl/up/data_folder.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include "ctl/base/files.h"
#include "schema/base/files.h"
#include "schema/base/own_folder.h"
#include "schema/config/pipeline_file.h"
#include "schema/wire/control.h"

namespace weir::ctl {
namespace {

// What a run that was killed has started takes a moment to go.
constexpr std::chrono::milliseconds kGoingAwayLimit{2000};

namespace fs = std::filesystem;

// Of sockaddr_un::sun_path, without the final zero; and what agents put behind the folder:
// "/a123/0123456789abcdef".
constexpr size_t kSocketPathBytesMax = 107;
constexpr size_t kSocketNameBytes = 24;

// What is there before the graph is: an `up` may have been killed so early.
bool is_beginning(const std::string& name) {
  return name == "lock" || name == "run" || name.ends_with(".new");
}

// A folder with other things in it is somebody's, and not for us to fill.
Status refuse_foreign(const std::string& path) {
  std::error_code failure;
  if (fs::exists(path + "/graph", failure)) return {};
  for (const fs::directory_entry& entry : fs::directory_iterator(path, failure)) {
    const std::string name = entry.path().filename();
    if (is_beginning(name)) continue;
    std::string text = path;
    text.append(" has other things in it (").append(name);
    text += "): --data takes a folder that is empty, new, or from an earlier 'weirctl up'";
    return Error{ErrorCode::kConflict, std::move(text)};
  }
  if (failure) return Error{ErrorCode::kIo, path + ": " + failure.message()};
  return {};
}

// An empty folder that the caller has made for this, with whatever umask, is closed to others; one
// with something in it that others may have read or changed is refused.
Status take_for_oneself(const std::string& path) {
  std::error_code failure;
  if (fs::is_empty(path, failure) && !failure) (void)::chmod(path.c_str(), 0700);
  return check_own_folder(path);
}

std::optional<uint64_t> free_bytes(const std::string& path) {
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) != 0 || disk.f_blocks == 0) return std::nullopt;
  return static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
}

// By all files below the folder.
uint64_t used_bytes(const std::string& folder) {
  uint64_t bytes = 0;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(folder, ignored)) {
    struct stat info {};
    if (::lstat(entry.path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    bytes += static_cast<uint64_t>(info.st_blocks) * 512;
  }
  return bytes;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// The text of each table, with its "[node.x]" line as the name.
using Tables = std::vector<std::pair<std::string, std::vector<std::string>>>;

Tables tables_of(const graph::PipelineSpec& spec) {
  Tables tables{{"", {}}};
  for (std::string& line : lines_of(config::print_pipeline(spec))) {
    if (line.empty()) continue;
    if (line.starts_with("[")) {
      tables.emplace_back(std::move(line), std::vector<std::string>{});
    } else {
      tables.back().second.push_back(std::move(line));
    }
  }
  return tables;
}

const std::vector<std::string>* find_table(const Tables& tables, const std::string& name) {
  for (const auto& [table, lines] : tables) {
    if (table == name) return &lines;
  }
  return nullptr;
}

// Lines of `these` that are not among `those`.
std::vector<std::string> only_in(const std::vector<std::string>& these,
                                 const std::vector<std::string>& those) {
  std::vector<std::string> result;
  for (const std::string& line : these) {
    if (std::find(those.begin(), those.end(), line) == those.end()) result.push_back(line);
  }
  return result;
}

std::string indented(const std::vector<std::string>& lines, std::string_view mark) {
  std::string out;
  for (const std::string& line : lines) out.append("\n  ").append(mark).append(" ").append(line);
  return out;
}

}  // namespace

std::string difference(const graph::PipelineSpec& before, const graph::PipelineSpec& now) {
  if (before == now) return "";
  const Tables old_tables = tables_of(before);
  const Tables new_tables = tables_of(now);
  std::string out;
  for (const auto& [name, lines] : old_tables) {
    const std::string title = name.empty() ? "" : "\n  " + name;
    const std::vector<std::string>* found = find_table(new_tables, name);
    if (found == nullptr) {
      out += title + " is gone";
      continue;
    }
    const std::vector<std::string> was = only_in(lines, *found);
    const std::vector<std::string> is = only_in(*found, lines);
    if (was.empty() && is.empty()) continue;
    out += title + indented(was, "was") + indented(is, "is ");
  }
  for (const auto& [name, lines] : new_tables) {
    if (find_table(old_tables, name) == nullptr) out += "\n  " + name + " is new";
  }
  return out.empty() ? "\n  the order of its nodes" : out;
}

std::string temporary_root() {
  const char* set = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe)
  return set != nullptr && *set != '\0' ? set : "/tmp";
}

Result<DataFolder> DataFolder::open(const std::string& dir, const std::string& temporary_root,
                                    const graph::PipelineSpec& spec) {
  DataFolder folder;
  folder.temporary_ = dir.empty();
  if (dir.empty()) {
    Result<std::string> fresh = make_fresh_folder(temporary_root + "/weir-up-");
    if (!fresh) return std::move(fresh).error();
    folder.path_ = *std::move(fresh);
  } else {
    if (Status made = make_folder(dir, 0700); !made) return std::move(made).error();
    folder.path_ = dir;
  }
  std::error_code failure;
  folder.path_ = fs::canonical(folder.path_, failure);
  if (failure) return Error{ErrorCode::kIo, dir + ": " + failure.message()};
  if (Status prepared = folder.prepare(spec); !prepared) {
    if (folder.temporary_) folder.clean(true);
    return std::move(prepared).error();
  }
  return folder;
}

Status DataFolder::prepare(const graph::PipelineSpec& spec) {
  if (Status foreign = refuse_foreign(path_); !foreign) return foreign;
  if (Status ours = take_for_oneself(path_); !ours) return ours;
  Result<runtime::FileLock> lock =
      runtime::FileLock::acquire_within(path_ + "/lock", kGoingAwayLimit);
  if (!lock) {
    if (lock.error().code != ErrorCode::kTimeout) return std::move(lock).error();
    return Error{ErrorCode::kConflict,
                 path_ +
                     " is in use: another 'weirctl up' runs on it, or processes of an earlier "
                     "one are still ending"};
  }
  lock_.emplace(*std::move(lock));
  if (Status read = read_graph(spec); !read) return read;
  for (const std::string& sub : {own(), logs(), path_ + "/agents", path_ + "/broker"}) {
    if (Status made = make_folder(sub, 0700); !made) return made;
  }
  return choose_sockets();
}

Status DataFolder::read_graph(const graph::PipelineSpec& spec) {
  Result<std::optional<std::string>> graph = read_small_file(path_ + "/graph");
  if (!graph) return std::move(graph).error();
  if (*graph) {
    Result<graph::PipelineSpec> before = wire::decode_spec(**graph);
    if (!before) return std::move(before).error().in(path_ + "/graph");
    if (const std::string differs = difference(*before, spec); !differs.empty()) {
      return Error{ErrorCode::kConflict, path_ + " belongs to another graph:" + differs +
                                             "\nrun that one again, or take another folder"};
    }
    Result<std::optional<std::string>> run = read_small_file(path_ + "/run");
    if (!run) return std::move(run).error();
    run_ = *run ? std::strtoull((*run)->c_str(), nullptr, 16) : 0;
    resumed_ = true;
    return {};
  }
  Result<uint64_t> run = random_number();
  if (!run) return std::move(run).error();
  run_ = *run;
  char text[32];
  std::snprintf(text, sizeof text, "%016llx\n", static_cast<unsigned long long>(run_));
  if (Status written = replace_file(path_ + "/run", text, Sync::kYes); !written) return written;
  return replace_file(path_ + "/graph", wire::encode_spec(spec), Sync::kYes);
}

Status DataFolder::choose_sockets() {
  const std::string kept = own() + "/sockets";
  Result<std::optional<std::string>> elsewhere = read_small_file(kept);
  if (elsewhere && *elsewhere && (*elsewhere)->find("/weir-sockets-") != std::string::npos) {
    std::error_code ignored;  // Of a run that was killed.
    fs::remove_all(**elsewhere, ignored);
  }
  sockets_ = path_ + "/sockets";
  if (sockets_.size() + kSocketNameBytes <= kSocketPathBytesMax) return make_folder(sockets_, 0700);
  Result<std::string> fresh = make_fresh_folder("/tmp/weir-sockets-");
  if (!fresh) return std::move(fresh).error();
  sockets_ = *std::move(fresh);
  return replace_file(kept, sockets_, Sync::kNo);
}

std::optional<uint64_t> DataFolder::room_bytes() const {
  std::optional<uint64_t> free;
  uint64_t own = 0;
  std::error_code ignored;
  for (const fs::directory_entry& agent : fs::directory_iterator(path_ + "/agents", ignored)) {
    // Somebody may have given them a disk of their own.
    const std::string logs = agent.path().string() + "/wal";
    const std::optional<uint64_t> left = free_bytes(logs);
    if (left) free = std::min(free.value_or(*left), *left);
    own += used_bytes(logs);
  }
  if (!free) free = free_bytes(path_);
  return free ? std::optional<uint64_t>(*free + own) : std::nullopt;
}

void DataFolder::clean(bool all) {
  std::error_code ignored;
  if (!sockets_.empty()) fs::remove_all(sockets_, ignored);
  if (all) fs::remove_all(path_, ignored);
}

}  // namespace weir::ctl
