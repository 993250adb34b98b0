#include "test/bench/processes.h"

#include <unistd.h>

#include <ctime>
#include <sstream>

#include "schema/runtime/process_tree.h"
#include "test/bench/command.h"

namespace weir::bench {
namespace {

// The number behind "KEY:" in /proc/PID/FILE.
uint64_t field(pid_t pid, const std::string& file, const std::string& key) {
  std::istringstream text(read_file("/proc/" + std::to_string(pid) + "/" + file));
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with(key + ":")) continue;
    return std::stoull(line.substr(key.size() + 1));
  }
  return 0;
}

// "p.source.0.order" in a wrapper's command line.
std::string node_of(pid_t pid) {
  const std::string words = read_file("/proc/" + std::to_string(pid) + "/cmdline");
  const std::string mark = ".0.order";
  const size_t end = words.find(mark);
  if (end == std::string::npos) return "";
  const size_t start = words.rfind('.', end - 1);
  return words.substr(start + 1, end - start - 1);
}

}  // namespace

std::vector<Process> tree_of(pid_t root) {
  std::vector<Process> found;
  std::vector<pid_t> open{root};
  while (!open.empty()) {
    const pid_t pid = open.back();
    open.pop_back();
    std::string name = read_file("/proc/" + std::to_string(pid) + "/comm");
    if (name.ends_with('\n')) name.pop_back();
    Process process{pid, name, name == "weir-wrapper" ? node_of(pid) : ""};
    found.push_back(std::move(process));
    for (const pid_t child : runtime::children_of(pid)) open.push_back(child);
  }
  return found;
}

pid_t wrapper_of(pid_t root, const std::string& node) {
  for (const Process& process : tree_of(root)) {
    if (process.node == node) return process.pid;
  }
  return 0;
}

double cpu_seconds(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0) return 0;
  if (::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double tree_cpu_seconds(pid_t root) {
  double sum = 0;
  for (const Process& process : tree_of(root)) sum += cpu_seconds(process.pid);
  return sum;
}

double waited_cpu_seconds(pid_t pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream rest(stat.substr(name_end + 1));
  std::string word;
  // Behind the name: state is field 3 of proc(5), cutime and cstime are 16 and 17.
  double ticks = 0;
  for (int field = 3; field <= 17 && rest >> word; ++field) {
    if (field >= 16) ticks += std::stod(word);
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

uint64_t resident_bytes(pid_t pid) { return field(pid, "status", "VmRSS") * 1024; }
uint64_t peak_resident_bytes(pid_t pid) { return field(pid, "status", "VmHWM") * 1024; }
uint64_t written_bytes(pid_t pid) { return field(pid, "io", "write_bytes"); }

}  // namespace weir::bench
