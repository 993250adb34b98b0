// TOML text as a plain tree with positions. The only file that knows toml++ is toml_document.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/graph/diagnostic.h"

namespace weir::config {

// Limits that are checked before the text reaches toml++, whose version 3.3.0 overflows the stack
// on dotted keys with many parts.
inline constexpr size_t kTomlBytesMax = 256 * 1024;
inline constexpr size_t kKeyPartsMax = 16;
// And afterwards, on what it has read.
inline constexpr size_t kTomlDepthMax = 32;

// From 1; columns in characters.
struct Position {
  uint32_t line = 0;
  uint32_t column = 0;

  bool operator==(const Position&) const = default;
  bool operator<(const Position& other) const {
    return line != other.line ? line < other.line : column < other.column;
  }
};

struct TomlValue {
  enum class Kind : uint8_t { kString, kInteger, kFloat, kBoolean, kTime, kArray, kTable };

  Kind kind = Kind::kTable;
  Position at;
  std::string string;
  int64_t integer = 0;
  bool boolean = false;
  // Elements of an array; entries of a table, in the order of the text.
  std::vector<TomlValue> items;
  // Entries of a table only.
  std::string key;
  Position key_at;

  // The entry of a table with this key, or nullptr.
  const TomlValue* find(std::string_view name) const;
};

// "a string", "a table", ...
std::string_view describe(TomlValue::Kind kind);

// The root table. toml++ stops at the first syntax error, so there is at most one diagnostic.
graph::Checked<TomlValue> parse_toml(const graph::Source& source);

}  // namespace weir::config
