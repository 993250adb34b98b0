#include "ctl/output/format.h"

#include <nlohmann/json.hpp>

namespace weir::ctl {

void add_format_option(CLI::App& command, std::string& format) {
  format = "table";
  command.add_option("-o,--output-format", format, "table (for people) or json (for programs)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"table", "json"}));
}

std::string to_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

nlohmann::ordered_json to_json(const graph::Diagnostics& diagnostics) {
  auto list = nlohmann::ordered_json::array();
  for (const graph::Diagnostic& d : diagnostics) {
    list.push_back({{"file", d.file},
                    {"line", d.line},
                    {"column", d.column},
                    {"message", d.message},
                    {"hint", d.hint}});
  }
  return list;
}

}  // namespace weir::ctl
