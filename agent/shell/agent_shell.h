// The agent as a process: sockets to the broker and to the wrappers, the wrappers' processes, the
// order files, a clock, and the core that decides. Owns all of them. Loop thread.
//
// It ends in one of two ways. SIGTERM: wrappers are stopped from sources to sinks, within a limit.
// The lifeline closes: the wrappers see it too and go by themselves; the agent waits for them,
// within a limit. What is left then is killed.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/agent.h"
#include "agent/shell/content_cache.h"
#include "agent/shell/inspections.h"
#include "agent/shell/order_files.h"
#include "agent/shell/processes.h"
#include "schema/runtime/dialer.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/process.h"
#include "schema/runtime/worker.h"
#include "schema/runtime/zmq_socket.h"

namespace weir::agent {

struct AgentOptions {
  std::string name;
  std::string broker;     // Its endpoint; empty: the local socket of whichever broker is there.
  bool insecure = false;  // An address that other hosts reach is accepted.
  Layout layout;
  uint64_t log_limit_bytes = 0;  // 0: a share of the disk.
  std::chrono::milliseconds boot_wait{60'000};
  ProcessOptions processes;
};

class AgentShell {
 public:
  // Makes the folders, takes the lock of the data folder, reads the orders and binds. kTimeout if
  // another agent has the folder.
  static Result<std::unique_ptr<AgentShell>> create(runtime::Loop& loop,
                                                    runtime::ZmqContext& context,
                                                    const AgentOptions& options);
  AgentShell(const AgentShell&) = delete;
  AgentShell& operator=(const AgentShell&) = delete;
  ~AgentShell();

  // Starts what was wanted when the last agent ended, and begins to speak to the broker.
  void start();
  // Both stop the loop when they are done.
  void stop_in_order();
  void lifeline_closed();

 private:
  AgentShell(runtime::Loop& loop, runtime::ZmqContext& context, const AgentOptions& options,
             std::string identity, runtime::FileLock lock, runtime::ZmqSocket wrappers,
             std::unique_ptr<ContentCache> contents);

  std::string broker_endpoint() const;
  void dial_broker();
  void not_dialed(const std::string& endpoint, const Error& error);
  Status connect_broker(const std::string& endpoint);
  void reconnect_broker();
  void receive_from_broker();
  void receive_from_wrappers();
  void take_from_wrapper(const std::vector<runtime::Message>& parts);
  void carry_out(std::vector<AgentEffect> effects);
  void carry_out_one(const AgentEffect& effect);
  void do_for_wrapper(const ForWrapper& task);
  void launch(const wire::InstanceKey& key);
  void erase(const wire::InstanceKey& key);
  void on_order_file(const wire::InstanceKey& key, const LifeEvent& event);
  void end_turn();
  void on_content(const std::string& sha256, const ContentAnswer& answer);
  void answer(const wire::InstanceKey& key, const LifeEvent& event);
  void send_to_broker(const ToBroker& effect);
  void send_to_wrapper(const ToWrapper& effect);
  void on_ended(const wire::InstanceKey& key, const Ended& ended);
  void arm_timer();
  void look_after_inherited();
  void note_boot();
  void wait_for_the_end(runtime::Duration limit);
  void check_the_end();
  void finish();

  runtime::Loop& loop_;
  runtime::ZmqContext& context_;
  std::string broker_;
  AgentCore core_;
  runtime::FileLock lock_;
  runtime::ZmqSocket wrappers_;
  runtime::WatchId wrappers_watch_{};
  std::optional<runtime::ZmqSocket> broker_socket_;
  runtime::WatchId broker_watch_{};
  runtime::Dialer dialer_;
  runtime::TimerId dial_timer_{};  // The next try.
  std::chrono::milliseconds dial_pause_{5};
  bool broker_answers_ = false;
  std::string told_;  // Why it does not; each reason once for each time that it went away.
  Processes processes_;
  Inspections inspections_;
  std::unique_ptr<ContentCache> contents_;
  OrderFiles order_files_;
  runtime::Worker eraser_;  // Deleting a large log takes its time.

  bool boot_noted_ = true;  // The data folder says that this boot of the host was seen.
  std::deque<AgentEffect> pending_;
  bool draining_ = false;
  bool started_ = false;
  runtime::TimerId timer_{};
  runtime::TimerId inherited_timer_{};

  enum class End { kNot, kInOrder, kAtOnce };
  End end_ = End::kNot;
  bool killed_ = false;
  runtime::SteadyTime end_limit_{};
  runtime::TimerId end_timer_{};
};

}  // namespace weir::agent
