#include "ctl/up/preflight.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "ctl/output/instances.h"
#include "ctl/output/units.h"
#include "schema/runtime/standard_fds.h"

namespace weir::ctl {
namespace {

// Processes and threads: of this process (the first aside), the broker, each agent, and each node
// with guard and program.
constexpr size_t kOwn = 3;
constexpr size_t kOfBroker = 7;
constexpr size_t kOfAgent = 6;
constexpr size_t kOfNode = 9;
// So many are tried: it is to take no time.
constexpr size_t kTriedMax = 100;

// True if so many threads can live at once.
bool can_start(size_t count) {
  std::mutex held;
  std::unique_lock lock(held);
  std::vector<std::thread> threads;
  bool started = true;
  try {
    for (size_t i = 0; i < count; ++i) {
      threads.emplace_back([&held] { const std::lock_guard wait(held); });
    }
  } catch (const std::system_error&) {
    started = false;
  }
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
  return started;
}

Status check_processes(size_t nodes, size_t agents) {
  const size_t needed = kOwn + kOfBroker + agents * kOfAgent + nodes * kOfNode;
  if (can_start(std::min(needed, kTriedMax))) return {};
  rlimit limit{};
  const bool known = ::getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  const std::string which =
      known ? "ulimit -u is " + std::to_string(limit.rlim_cur) : "see pids.max of its cgroup";
  return Error{ErrorCode::kLimit, "not enough processes and threads may be started here (" + which +
                                      "): a run of " + counted(nodes, "node") + " needs about " +
                                      std::to_string(needed) + "; raise the limit, or end some"};
}

// As the kernel counts: each with its zero and a pointer to it.
size_t passed_bytes(std::string_view text) { return text.size() + 1 + sizeof(char*); }

// All arguments and variables of one program, ours included.
Status check_arguments(const graph::PipelineSpec& spec) {
  // The paths and numbers that WEIR_POSITION and its like have.
  constexpr size_t kOfWeirBytes = 4096;
  size_t ours = kOfWeirBytes;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    ours += passed_bytes(*entry);
  }
  const long limit = ::sysconf(_SC_ARG_MAX);
  for (const graph::NodeSpec& node : spec.nodes) {
    size_t bytes = ours + passed_bytes(node.run) + 2 * passed_bytes(node.action);
    for (const std::string& argument : node.args) bytes += passed_bytes(argument);
    for (const auto& [name, value] : node.env) bytes += passed_bytes(name) + passed_bytes(value);
    if (limit < 0 || bytes <= static_cast<size_t>(limit)) continue;
    return Error{
        ErrorCode::kLimit,
        node.name + ": its arguments and environment are " + std::to_string(bytes) +
            " bytes, and a program can be given " + std::to_string(limit) +
            " here (getconf ARG_MAX; a quarter of ulimit -s): put what is long into a file"};
  }
  return {};
}

}  // namespace

Result<std::string> current_folder() {
  std::error_code failure;
  std::string folder = std::filesystem::current_path(failure);
  if (!failure) return folder;
  return Error{ErrorCode::kIo, "the current folder is gone (" + failure.message() +
                                   "), and programs run in it: change to one that is there (cd)"};
}

Status preflight(const graph::PipelineSpec& spec, size_t agents, bool to_stdout) {
  if (to_stdout && !runtime::is_writable(STDOUT_FILENO)) {
    return Error{ErrorCode::kIo,
                 "standard output is closed, or not open for writing: use --output DIR, or "
                 ">/dev/null if the results are not wanted"};
  }
  if (Result<std::string> folder = current_folder(); !folder) return std::move(folder).error();
  if (Status fits = check_arguments(spec); !fits) return fits;
  return check_processes(instances_of(spec).size(), agents);
}

}  // namespace weir::ctl
