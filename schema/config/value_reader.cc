#include "schema/config/value_reader.h"

#include <algorithm>

#include "schema/config/units.h"
#include "schema/graph/suggest.h"

namespace weir::config {

bool ValueReader::is(const TomlValue& value, TomlValue::Kind kind) {
  if (value.kind == kind) return true;
  report(value, "'" + key_ + "' takes " + std::string(describe(kind)) + ", not " +
                    std::string(describe(value.kind)));
  return false;
}

bool ValueReader::boolean(const TomlValue& value, bool& out) {
  if (!is(value, TomlValue::Kind::kBoolean)) return false;
  out = value.boolean;
  return true;
}

bool ValueReader::string_with_nul(const TomlValue& value, std::string& out) {
  if (!is(value, TomlValue::Kind::kString)) return false;
  out = value.string;
  return true;
}

bool ValueReader::string(const TomlValue& value, std::string& out) {
  if (!is(value, TomlValue::Kind::kString)) return false;
  if (value.string.find('\0') != std::string::npos) {
    report(value, "'" + key_ + "' cannot hold a NUL byte");
    return false;
  }
  out = value.string;
  return true;
}

bool ValueReader::strings(const TomlValue& value, size_t count_max, std::vector<std::string>& out) {
  if (!is(value, TomlValue::Kind::kArray)) return false;
  if (value.items.size() > count_max) {
    report(value, "'" + key_ + "' has more than " + std::to_string(count_max) + " elements");
    return false;
  }
  std::vector<std::string> all;
  for (const TomlValue& item : value.items) {
    std::string text;
    if (string(item, text)) all.push_back(std::move(text));
  }
  if (all.size() != value.items.size()) return false;
  out = std::move(all);
  return true;
}

bool ValueReader::integer_in_range(const TomlValue& value, int64_t min, int64_t max, int64_t& out) {
  if (!is(value, TomlValue::Kind::kInteger)) return false;
  if (value.integer < min || value.integer > max) {
    report(value,
           "'" + key_ + "' lies between " + std::to_string(min) + " and " + std::to_string(max));
    return false;
  }
  out = value.integer;
  return true;
}

bool ValueReader::duration(const TomlValue& value, std::chrono::milliseconds min,
                           std::chrono::milliseconds max, std::chrono::milliseconds& out) {
  if (value.kind == TomlValue::Kind::kInteger || value.kind == TomlValue::Kind::kFloat) {
    report(value, "'" + key_ + "' takes a duration with its unit",
           "in quotes: \"100ms\", \"30s\", \"5m\", \"1h\" or \"1d\"");
    return false;
  }
  if (!is(value, TomlValue::Kind::kString)) return false;
  const auto parsed = parse_duration(value.string);
  if (!parsed) {
    report(value, parsed.error().what);
    return false;
  }
  if (*parsed < min || *parsed > max) {
    report(value,
           "'" + key_ + "' lies between " + format_duration(min) + " and " + format_duration(max));
    return false;
  }
  out = *parsed;
  return true;
}

bool ValueReader::size(const TomlValue& value, uint64_t min, uint64_t max, uint64_t& out) {
  uint64_t number = 0;
  if (value.kind == TomlValue::Kind::kInteger) {
    number = value.integer < 0 ? 0 : static_cast<uint64_t>(value.integer);
  } else {
    if (!is(value, TomlValue::Kind::kString)) return false;
    const auto parsed = parse_size(value.string);
    if (!parsed) {
      report(value, parsed.error().what);
      return false;
    }
    number = *parsed;
  }
  if (number < min || number > max) {
    report(value, "'" + key_ + "' lies between " + format_size(min) + " and " + format_size(max));
    return false;
  }
  out = number;
  return true;
}

int ValueReader::choice_of(const TomlValue& value, const std::vector<std::string>& names) {
  if (!is(value, TomlValue::Kind::kString)) return -1;
  const auto found = std::find(names.begin(), names.end(), value.string);
  if (found != names.end()) return static_cast<int>(found - names.begin());
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "\"" : ", \"") + name + "\"";
  std::string hint = graph::did_you_mean(value.string, names);
  report(value, "'" + value.string + "' is not a value of '" + key_ + "': it takes " + all,
         std::move(hint));
  return -1;
}

}  // namespace weir::config
