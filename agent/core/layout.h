// Where an agent keeps what: names of files and sockets. Pure; nothing here touches the disk.
//
//   DATA/agent.lock                               held while the agent lives
//   DATA/boot_id                                  the boot of the host that it last ran in
//   DATA/orders/PIPELINE.NODE.INSTANCE.order      what each wrapper was told
//   DATA/orders/PIPELINE.NODE.INSTANCE.starts     how often it was started with that
//   DATA/identity                                 who this agent is
//   DATA/wal/identity                             the same: that these are its logs
//   DATA/wal/PIPELINE/NODE.INSTANCE/              its log; wrapper.lock is held while it lives.
//                                                 NODE.INSTANCE-TERM if it was not begun in term 1
//   DATA/logs/PIPELINE/NODE.INSTANCE.wrapper.log  what the wrapper says
//   DATA/logs/PIPELINE/NODE.INSTANCE.stderr       what its program says
//   DATA/logs/PIPELINE/NODE.INSTANCE.stdout       what a sink writes that nobody reads
//   DATA/work/PIPELINE/NODE.INSTANCE/             where its program runs, unless the order says
//   DATA/actions/SHA256                           programs that were uploaded
//   RUN/agent                                     the agent's socket for its wrappers
//   RUN/0123456789abcdef                          the socket of one wrapper's input lanes
#pragma once

#include <string>

#include "schema/base/result.h"
#include "schema/wire/control.h"

namespace weir::agent {

// sockaddr_un::sun_path has 108 bytes with the final zero.
inline constexpr size_t kSocketPathBytesMax = 107;

struct Layout {
  std::string data_dir;  // Absolute.
  std::string run_dir;   // Absolute.
  // Where other hosts reach this one, as it stands in an endpoint; empty: they do not.
  std::string address = {};

  std::string lock_file() const { return data_dir + "/agent.lock"; }
  std::string orders_dir() const { return data_dir + "/orders"; }
  std::string wal_dir() const { return data_dir + "/wal"; }
  std::string identity_file() const { return data_dir + "/identity"; }
  std::string identity_of_logs_file() const { return wal_dir() + "/identity"; }
  std::string order_file(const wire::InstanceKey& key) const;
  std::string starts_file(const wire::InstanceKey& key) const;
  // A log that is drained is where it was (R5): the same folder, whatever key.drained_term says.
  std::string log_dir(const wire::InstanceKey& key, uint64_t log_term) const;
  // All logs of an instance that there may be: this, and this with "-TERM" behind.
  std::string first_log_dir(const wire::InstanceKey& key) const { return log_dir(key, 1); }
  std::string logs_dir(const wire::InstanceKey& key) const;
  std::string wrapper_log(const wire::InstanceKey& key) const;
  std::string stderr_file(const wire::InstanceKey& key) const;
  std::string actions_dir() const { return data_dir + "/actions"; }
  std::string action_file(const std::string& sha256) const { return actions_dir() + "/" + sha256; }
  std::string stdout_file(const wire::InstanceKey& key) const;
  std::string work_dir(const wire::InstanceKey& key) const;
  std::string agent_socket() const { return run_dir + "/agent"; }
  // The same for the same instance, whenever it is asked.
  std::string wrapper_socket(const wire::InstanceKey& key) const;

  // kLimit if sockets in `run_dir` would have names that are too long for the system.
  Status check() const;

  // The order with everything filled in that is the agent's to choose.
  wire::StartOrder complete(wire::StartOrder order) const;
};

}  // namespace weir::agent
