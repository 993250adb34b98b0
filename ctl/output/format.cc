#include "ctl/output/format.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

namespace weir::ctl {

void add_format_option(Command command, std::string& format) {
  format = "table";
  command.option({.names = "-o,--output-format",
                  .type = "FORMAT",
                  .help = "table (for people) or json (for programs)",
                  .choices = {"table", "json"}},
                 format);
}

std::string to_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string to_line(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void JsonList::add(const nlohmann::ordered_json& element) {
  std::string text = to_text(element);
  text.pop_back();
  out_ << (empty_ ? "[\n  " : ",\n  ");
  // Texts in it have no newlines of their own: they are escaped.
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    if (at > 0) out_ << "  ";
    out_ << std::string_view(text).substr(at, end - at);
    at = end;
  }
  empty_ = false;
}

void JsonList::end() { out_ << (empty_ ? "[]\n" : "\n]\n"); }

nlohmann::ordered_json to_json(const graph::Diagnostics& diagnostics) {
  auto list = nlohmann::ordered_json::array();
  for (const graph::Diagnostic& d : diagnostics) {
    list.push_back({{"file", d.file},
                    {"line", d.line},
                    {"column", d.column},
                    {"message", d.message},
                    {"hint", d.hint},
                    {"severity", d.severity == graph::Severity::kWarning ? "warning" : "error"}});
  }
  return list;
}

}  // namespace weir::ctl
