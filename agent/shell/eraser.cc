#include "agent/shell/eraser.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "schema/runtime/process.h"

namespace weir::agent {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAside = ".removed";

// Programs leave folders behind that cannot be written, and so cannot be emptied.
void make_folders_writable(const std::string& path) {
  std::error_code ignored;
  const auto allow = [&](const fs::path& folder) {
    fs::permissions(folder, fs::perms::owner_all, fs::perm_options::add, ignored);
  };
  allow(path);
  fs::recursive_directory_iterator entry(path, fs::directory_options::skip_permission_denied,
                                         ignored);
  while (entry != fs::recursive_directory_iterator()) {
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) allow(entry->path());
    entry.increment(ignored);
    if (ignored) return;
  }
}

Status remove_tree(const std::string& path) {
  std::error_code failure;
  fs::remove_all(path, failure);
  if (!failure) return {};
  make_folders_writable(path);
  fs::remove_all(path, failure);
  if (!failure) return {};
  return Error{ErrorCode::kIo, "remove " + path + ": " + failure.message()};
}

Status remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return errno_error("remove " + path, errno);
}

// Gives the log another name, while nobody uses it.
Status set_log_aside(const std::string& log, const std::string& aside) {
  std::error_code ignored;
  if (!fs::exists(log, ignored)) return {};
  auto wrapper = runtime::FileLock::try_acquire(log + "/wrapper.lock");
  if (!wrapper) return std::move(wrapper).error().in("the wrapper runs");
  auto guard = runtime::FileLock::try_acquire(log + "/guard.lock");
  if (!guard) return std::move(guard).error().in("the program runs");
  if (::rename(log.c_str(), aside.c_str()) == 0) return {};
  return errno_error("rename " + log, errno);
}

// The folders of all logs of an instance, whatever their terms; also what an attempt left that was
// interrupted.
std::vector<std::string> logs_of(const Layout& layout, const wire::InstanceKey& key) {
  std::vector<std::string> logs;
  // A drained log is that of the node, and goes with it.
  if (key.drained_term != 0) return logs;
  const fs::path first = layout.first_log_dir(key);
  const std::string name = first.filename();
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(first.parent_path(), ignored)) {
    std::string other = entry.path().filename();
    if (other.ends_with(kAside)) other.resize(other.size() - kAside.size());
    if (other.starts_with(name + "-")) other.resize(other.rfind('-'));
    if (other == name) logs.push_back(entry.path());
  }
  return logs;
}

Status remove_log(const std::string& log) {
  if (log.ends_with(kAside)) return remove_tree(log);
  const std::string aside = log + std::string(kAside);
  Status done = remove_tree(aside);
  if (done) done = set_log_aside(log, aside);
  if (done) done = remove_tree(aside);
  return done;
}

}  // namespace

Status erase_instance(const Layout& layout, const wire::InstanceKey& key) {
  Status done;
  for (const std::string& log : logs_of(layout, key)) {
    if (done) done = remove_log(log);
  }
  if (done) done = remove_tree(layout.work_dir(key));
  for (const std::string& file :
       {layout.wrapper_log(key), layout.stderr_file(key), layout.stdout_file(key),
        layout.order_file(key) + ".bad", layout.starts_file(key), layout.wrapper_socket(key)}) {
    if (done) done = remove_file(file);
    if (done) done = remove_file(file + ".1");
  }
  if (!done) return done;
  // Folders of the pipeline: the last instance takes them along.
  for (const std::string& inside :
       {layout.first_log_dir(key), layout.wrapper_log(key), layout.work_dir(key)}) {
    ::rmdir(inside.substr(0, inside.rfind('/')).c_str());
  }
  return {};
}

}  // namespace weir::agent
