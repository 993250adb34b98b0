#include "agent/shell/eraser.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include "schema/runtime/process.h"

namespace weir::agent {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

Status erase_instance(const Layout& layout, const wire::InstanceKey& key) {
  const std::string log = layout.log_dir(key);
  const std::string aside = log + ".removed";
  Status done = remove_tree(aside);  // What an attempt that was interrupted left.
  if (done) done = set_log_aside(log, aside);
  if (done) done = remove_tree(aside);
  if (done) done = remove_tree(layout.work_dir(key));
  for (const std::string& file :
       {layout.wrapper_log(key), layout.stderr_file(key), layout.stdout_file(key),
        layout.order_file(key) + ".bad", layout.starts_file(key), layout.wrapper_socket(key)}) {
    if (done) done = remove_file(file);
    if (done) done = remove_file(file + ".1");
  }
  if (!done) return done;
  // Folders of the pipeline: the last instance takes them along.
  for (const std::string& inside : {log, layout.wrapper_log(key), layout.work_dir(key)}) {
    ::rmdir(inside.substr(0, inside.rfind('/')).c_str());
  }
  return {};
}

}  // namespace weir::agent
