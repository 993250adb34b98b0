#include "wrapper/shell/pipe_writers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace weir::shell {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNamedMax = 3;

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// `fd`: /proc/PID/fd/N.
bool is_open_for_writing(const fs::path& fd) {
  std::ifstream info(fd.parent_path().parent_path() / "fdinfo" / fd.filename());
  for (std::string name; info >> name;) {
    int flags = 0;
    if (name == "flags:" && info >> std::oct >> flags) return (flags & O_ACCMODE) != O_RDONLY;
  }
  return false;
}

bool writes_to(const fs::path& process, const struct stat& pipe) {
  std::error_code failure;
  for (fs::directory_iterator it(process / "fd", failure), end; it != end; it.increment(failure)) {
    struct stat info {};
    if (::stat(it->path().c_str(), &info) != 0) continue;
    const bool same = info.st_dev == pipe.st_dev && info.st_ino == pipe.st_ino;
    if (same && is_open_for_writing(it->path())) return true;
  }
  return false;
}

std::string name_of(const fs::path& process) {
  std::ifstream comm(process / "comm");
  std::string name;
  std::getline(comm, name);
  return name;
}

}  // namespace

std::string writers_of(int read_end) {
  struct stat pipe {};
  if (::fstat(read_end, &pipe) != 0) return "";
  std::vector<std::string> found;
  std::error_code failure;
  for (fs::directory_iterator it("/proc", failure), end; it != end; it.increment(failure)) {
    const std::string pid = it->path().filename();
    if (!is_number(pid) || pid == std::to_string(::getpid())) continue;
    if (writes_to(it->path(), pipe)) found.push_back(pid + " (" + name_of(it->path()) + ")");
  }
  if (found.empty()) return "";
  std::string text = found.size() == 1 ? "process " : "processes ";
  for (size_t i = 0; i < found.size() && i < kNamedMax; ++i) {
    text += (i == 0 ? "" : ", ") + found[i];
  }
  if (found.size() > kNamedMax)
    text += " and " + std::to_string(found.size() - kNamedMax) + " more";
  return text;
}

}  // namespace weir::shell
