// Takes one TOML value as what a key wants it to be, and reports when it is something else.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/config/reporter.h"
#include "schema/config/toml_document.h"

namespace weir::config {

// All functions but report() leave `out` alone and return false if the value does not fit.
class ValueReader {
 public:
  ValueReader(std::string_view key, Reporter& reporter) : key_(key), reporter_(reporter) {}

  bool is(const TomlValue& value, TomlValue::Kind kind);
  bool boolean(const TomlValue& value, bool& out);
  bool string(const TomlValue& value, std::string& out);  // Without NUL bytes.
  bool string_with_nul(const TomlValue& value, std::string& out);
  bool strings(const TomlValue& value, size_t count_max, std::vector<std::string>& out);
  bool duration(const TomlValue& value, std::chrono::milliseconds min,
                std::chrono::milliseconds max, std::chrono::milliseconds& out);
  // An integer is a number of bytes.
  bool size(const TomlValue& value, uint64_t min, uint64_t max, uint64_t& out);

  template <std::integral T>
  bool integer(const TomlValue& value, int64_t min, int64_t max, T& out) {
    int64_t number = 0;
    if (!integer_in_range(value, min, max, number)) return false;
    out = static_cast<T>(number);
    return true;
  }

  template <typename T>
  bool choice(const TomlValue& value, const std::vector<std::pair<std::string, T>>& choices,
              T& out) {
    std::vector<std::string> names;
    names.reserve(choices.size());
    for (const auto& [name, ignored] : choices) names.push_back(name);
    const int found = choice_of(value, names);
    if (found >= 0) out = choices[static_cast<size_t>(found)].second;
    return found >= 0;
  }

  void report(const TomlValue& value, std::string message, std::string hint = "") {
    reporter_.at(value.at, std::move(message), std::move(hint));
  }
  void report_key(const TomlValue& value, std::string message, std::string hint = "") {
    reporter_.at(value.key_at, std::move(message), std::move(hint));
  }

 private:
  bool integer_in_range(const TomlValue& value, int64_t min, int64_t max, int64_t& out);
  int choice_of(const TomlValue& value, const std::vector<std::string>& names);

  std::string key_;
  Reporter& reporter_;
};

}  // namespace weir::config
