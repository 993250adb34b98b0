// The two ways in which weirctl prints data: for people and for programs.
#pragma once

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "ctl/base/command.h"
#include "schema/graph/diagnostic.h"

namespace weir::ctl {

// Adds `-o table|json`; `format` is "table" without it.
void add_format_option(Command command, std::string& format);
inline bool is_json(const std::string& format) { return format == "json"; }

// Two spaces of indent, a newline at the end; bytes that are not UTF-8 are replaced.
std::string to_text(const nlohmann::ordered_json& json);
// The same in one line, for what goes on and on.
std::string to_line(const nlohmann::ordered_json& json);

// A long list, one element after the other, in the form that to_text() gives to a whole one.
class JsonList {
 public:
  explicit JsonList(std::ostream& out) : out_(out) {}
  void add(const nlohmann::ordered_json& element);
  // Ends the list, and makes an empty one if there was no element.
  void end();
  bool empty() const { return empty_; }

 private:
  std::ostream& out_;
  bool empty_ = true;
};

// A list of {"file", "line", "column", "message", "hint"}; line and column are 0 where there is no
// place.
nlohmann::ordered_json to_json(const graph::Diagnostics& diagnostics);

}  // namespace weir::ctl
