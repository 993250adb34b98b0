#include "broker/core/relay.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "broker/core/outcome.h"

namespace weir::broker {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

std::string to_hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    hex += {kHexDigits[byte >> 4], kHexDigits[byte & 15]};
  }
  return hex;
}

std::optional<std::string> from_hex(std::string_view hex) {
  const std::string_view digits = kHexDigits;
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    const size_t high = digits.find(hex[i]);
    const size_t low = digits.find(hex[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

}  // namespace

void Relay::pass_on(const std::string& peer, const std::string& request,
                    const wire::InstanceKey& key, wire::Message message) {
  const auto refuse = [&](ErrorCode code, std::string what) {
    step_.refuse(peer, request, {code, std::move(what)});
  };
  const Pipeline* const pipeline = state_.pipeline(key.pipeline);
  if (pipeline == nullptr) return step_.refuse(peer, request, no_pipeline(state_, key.pipeline));
  if (!pipeline->graph.has_node(key.node)) {
    return refuse(ErrorCode::kNotFound,
                  "pipeline \"" + key.pipeline + "\" has no node \"" + key.node + "\"");
  }
  const Placement* const placed = state_.placement(key);
  if (placed == nullptr) {
    return refuse(ErrorCode::kUnavailable, key.node + " was not placed on any agent yet");
  }
  const Agent* const agent = state_.agent(placed->agent);
  if (agent == nullptr || !agent->connected) {
    return refuse(ErrorCode::kUnavailable, "agent " + placed->agent + " is not connected");
  }
  std::string forwarded = to_hex(peer) + "/" + request;
  if (forwarded.size() > wire::kRequestIdBytesMax) {
    return refuse(ErrorCode::kLimit, "the request's id is too long to be passed on");
  }
  step_.send(agent->peer, forwarded, std::move(message));
}

void Relay::answer(const std::string& request, wire::Message message) {
  const size_t slash = request.find('/');
  if (slash == std::string::npos) return;
  const auto peer = from_hex(std::string_view(request).substr(0, slash));
  if (peer) step_.send(*peer, request.substr(slash + 1), std::move(message));
}

void Relay::ask(const std::string& peer, const std::string& request, wire::LogRead message) {
  const wire::InstanceKey key = message.instance;
  pass_on(peer, request, key, std::move(message));
}

void Relay::ask(const std::string& peer, const std::string& request, wire::DeadRead message) {
  const wire::InstanceKey key = message.instance;
  if (const Placement* placed = state_.placement(key)) message.log_term = placed->log_term;
  pass_on(peer, request, key, std::move(message));
}

void Relay::ask(const std::string& peer, const std::string& request, wire::DeadChange message) {
  const wire::InstanceKey key = message.instance;
  if (const Placement* placed = state_.placement(key)) message.log_term = placed->log_term;
  pass_on(peer, request, key, std::move(message));
}

void Relay::answer_changed(const std::string& request, wire::DeadChanged message) {
  // Of a node that does not run nobody reports it.
  if (const auto figures = state_.figures.find(message.instance); figures != state_.figures.end()) {
    figures->second.dead_letters = message.left;
  }
  if (Pipeline* const pipeline = state_.pipeline(message.instance.pipeline); pipeline != nullptr) {
    for (wire::InstanceStatus& kept : pipeline->record.figures) {
      if (wire::key_of(kept) != message.instance || kept.dead_letters == message.left) continue;
      kept.dead_letters = message.left;
      step_.store(*pipeline);
    }
  }
  answer(request, std::move(message));
}

}  // namespace weir::broker
