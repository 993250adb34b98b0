#include "wrapper/core/runner.h"

#include <algorithm>
#include <cstring>

namespace weir::core {

bool accepted(const graph::NodeSpec& spec, const RunEnd& end) {
  if (end.kind != RunEnd::Kind::kExited) return false;
  return std::find(spec.accept.begin(), spec.accept.end(), end.code) != spec.accept.end();
}

std::string describe(const RunEnd& end) {
  switch (end.kind) {
    case RunEnd::Kind::kExited:
      return "exited with status " + std::to_string(end.code);
    case RunEnd::Kind::kSignaled: {
      const char* name = strsignal(end.code);
      return "was killed by signal " + std::to_string(end.code) + " (" +
             (name == nullptr ? "unknown" : name) + ")" +
             (end.reason.empty() ? "" : ", " + end.reason);
    }
    case RunEnd::Kind::kNotStarted:
    case RunEnd::Kind::kLost:
      return end.reason;
  }
  return "ended";
}

bool is_hopeless(const RunEnd& end) {
  return end.kind == RunEnd::Kind::kNotStarted ||
         (end.kind == RunEnd::Kind::kExited && (end.code == 126 || end.code == 127));
}

std::vector<std::pair<std::string, std::string>> unit_environment(const wire::StartOrder& order,
                                                                  const UnitId& unit,
                                                                  uint32_t attempt) {
  return {{"WEIR_PIPELINE", order.pipeline},
          {"WEIR_NODE", order.node.name},
          {"WEIR_INSTANCE", std::to_string(order.instance)},
          {"WEIR_UNIT", to_string(unit)},
          {"WEIR_ATTEMPT", std::to_string(attempt)}};
}

std::chrono::milliseconds backoff(const graph::NodeSpec& spec, uint32_t failed) {
  auto wait = spec.backoff_first;
  for (uint32_t i = 1; i < failed && wait < spec.backoff_max; ++i) wait *= 2;
  return std::min(wait, spec.backoff_max);
}

bool counts_as_attempt(const RunEnd& end) {
  if (end.kind == RunEnd::Kind::kLost) return false;
  return !(end.kind == RunEnd::Kind::kExited && end.code == 75);
}

std::string last_line(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (text.empty()) return "(none)";
  const size_t at = text.rfind('\n');
  return std::string(at == std::string_view::npos ? text : text.substr(at + 1));
}

SharedBytes missing_delimiter(const Portion& portion) {
  const char delimiter = wire::delimiter_of(portion.shape);
  return SharedBytes::copy_of(&delimiter, 1);
}

wire::Shape output_shape(const graph::NodeSpec& spec) {
  if (spec.protocol == graph::Protocol::kFrames) return wire::Shape::kFrames;
  return wire::shape_with(spec.delimiter);
}

}  // namespace weir::core
