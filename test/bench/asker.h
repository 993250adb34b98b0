// Asks a broker, as weirctl does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schema/runtime/zmq_socket.h"
#include "schema/wire/control.h"

namespace weir::bench {

class Asker {
 public:
  explicit Asker(std::string endpoint) : endpoint_(std::move(endpoint)), context_(1) {}

  // Failed without an answer in time, or when it is a refusal.
  wire::Message ask(const wire::Message& question);
  wire::BrokerStatus status();
  wire::PipelineState state_of(const std::string& pipeline);
  // All that is kept after this number.
  std::vector<wire::Event> events(uint64_t after);

 private:
  std::string endpoint_;
  runtime::ZmqContext context_;
  std::optional<runtime::ZmqSocket> socket_;
  uint64_t requests_ = 0;
};

}  // namespace weir::bench
