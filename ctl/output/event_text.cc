#include "ctl/output/event_text.h"

#include <algorithm>

#include "ctl/output/text.h"
#include "schema/graph/diagnostic.h"

namespace weir::ctl {
namespace {

constexpr size_t kKindWidth = 18;  // "pipeline.completed"

std::string subject(const wire::Event& event) {
  std::string text = event.pipeline;
  if (!event.node.empty()) text += "/" + event.node;
  if (!event.agent.empty()) text += (text.empty() ? "" : " on ") + event.agent;
  return text;
}

}  // namespace

std::string event_line(const wire::Event& event) {
  std::string line = utc_time(event.time_ms) + "  " + event.kind;
  line.append(kKindWidth - std::min(kKindWidth, event.kind.size()), ' ').append("  ");
  std::string rest = subject(event);
  if (!event.text.empty()) rest += (rest.empty() ? "" : ": ") + event.text;
  line += graph::printable(rest);
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace weir::ctl
