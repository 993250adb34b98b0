#include "agent/core/layout.h"

#include <xxhash.h>

#include <array>
#include <cstdio>

namespace weir::agent {
namespace {

std::string instance_name(const wire::InstanceKey& key) {
  return wire::lane_name(key.node, key.instance, key.drained_term);
}

std::string work_dir_in_data(const wire::InstanceKey& key) {
  return "/work/" + key.pipeline + "/" + instance_name(key);
}

}  // namespace

std::string Layout::order_file(const wire::InstanceKey& key) const {
  // Names of pipelines have no dots.
  return orders_dir() + "/" + key.pipeline + "." + instance_name(key) + ".order";
}

std::string Layout::starts_file(const wire::InstanceKey& key) const {
  return orders_dir() + "/" + key.pipeline + "." + instance_name(key) + ".starts";
}

std::string Layout::log_dir(const wire::InstanceKey& key, uint64_t log_term) const {
  std::string path = wal_dir() + "/" + key.pipeline + "/" + wire::lane_name(key.node, key.instance);
  if (log_term > 1) path += "-" + std::to_string(log_term);
  return path;
}

std::string Layout::logs_dir(const wire::InstanceKey& key) const {
  return data_dir + "/logs/" + key.pipeline;
}

std::string Layout::wrapper_log(const wire::InstanceKey& key) const {
  return logs_dir(key) + "/" + instance_name(key) + ".wrapper.log";
}

std::string Layout::stderr_file(const wire::InstanceKey& key) const {
  return logs_dir(key) + "/" + instance_name(key) + ".stderr";
}

std::string Layout::stdout_file(const wire::InstanceKey& key) const {
  return logs_dir(key) + "/" + instance_name(key) + ".stdout";
}

std::string Layout::work_dir(const wire::InstanceKey& key) const {
  return data_dir + work_dir_in_data(key);
}

std::string Layout::wrapper_socket(const wire::InstanceKey& key) const {
  const std::string name = wire::to_string(key);
  std::array<char, 17> hex{};
  std::snprintf(hex.data(), hex.size(), "%016llx",
                static_cast<unsigned long long>(XXH3_64bits(name.data(), name.size())));
  return run_dir + "/" + hex.data();
}

Status Layout::check() const {
  const size_t longest = wrapper_socket({}).size();
  if (longest <= kSocketPathBytesMax) return {};
  return Error{ErrorCode::kLimit, "the run folder " + run_dir +
                                      " has too long a name: its sockets' "
                                      "paths have " +
                                      std::to_string(longest) + " bytes, the system allows " +
                                      std::to_string(kSocketPathBytesMax) +
                                      "; give a shorter one with --run-dir"};
}

wire::StartOrder Layout::complete(wire::StartOrder order) const {
  const wire::InstanceKey key = wire::key_of(order);
  order.log_dir = log_dir(key, order.log_term);
  order.listen = order.writers.empty() ? "" : "ipc://" + wrapper_socket(key);
  order.listen_remote = order.writers.empty() || address.empty() ? "" : "tcp://" + address + ":*";
  order.agent_endpoint = "ipc://" + agent_socket();
  order.stderr_file = stderr_file(key);
  order.stdout_file = stdout_file(key);
  // One that is ours already may be where the data were before they were moved.
  if (order.working_dir.empty() || order.working_dir.ends_with(work_dir_in_data(key))) {
    order.working_dir = work_dir(key);
  }
  // Its name stays in `uploaded`.
  if (order.uploaded) order.node.action = action_file(order.uploaded->sha256);
  return order;
}

}  // namespace weir::agent
