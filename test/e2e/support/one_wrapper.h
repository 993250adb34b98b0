// One real wrapper; the test plays its agent: writes the order, starts it, hears its reports, tells
// it things, kills it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "schema/runtime/zmq_socket.h"
#include "schema/wire/control.h"
#include "test/e2e/support/scene.h"

namespace weir::e2e {

class OneWrapper {
 public:
  OneWrapper();
  OneWrapper(const OneWrapper&) = delete;
  OneWrapper& operator=(const OneWrapper&) = delete;
  ~OneWrapper();  // Kills what runs; the folder stays if the test has failed.

  // An order for a node "n" that runs this command, with all paths inside of folder().
  wire::StartOrder order(const std::string& command) const;
  // `more`: words behind its usual ones; `environment`: variables beside the usual ones.
  void start(const wire::StartOrder& order, const std::vector<std::string>& more = {},
             const std::vector<std::string>& environment = {});
  void kill();
  void tell(const wire::Message& message);
  // Takes what it reports until the last report fulfils this; a failure of the test if that takes
  // too long.
  bool wait_for(const std::string& what,
                const std::function<bool(const wire::InstanceStatus&)>& condition);
  // Waits for this many reports more.
  bool wait_for_reports(size_t count);
  // Waits until it goes by itself, and returns its exit status, or until the condition holds: -1.
  int wait_for_exit_or(const std::function<bool(const wire::InstanceStatus&)>& condition);
  // Waits until it goes by itself; its exit status.
  int wait_for_exit();
  const wire::InstanceStatus& status() const { return status_; }

  const std::string& folder() const { return scene_.folder(); }
  std::string path(const std::string& name) const { return scene_.path(name); }
  std::string content(const std::string& name) const { return scene_.read(name); }

 private:
  bool receive();

  Scene scene_;
  runtime::ZmqContext context_;
  std::optional<runtime::ZmqSocket> agent_;
  std::string peer_;
  std::optional<Command> wrapper_;
  wire::InstanceStatus status_;
  size_t reports_ = 0;
};

}  // namespace weir::e2e
