#include "schema/config/toml_document.h"

#include <toml++/toml.h>
#include <algorithm>
#include <exception>
#include <optional>

#include "schema/config/toml_scan.h"
#include "schema/graph/utf8.h"

namespace weir::config {
namespace {

using graph::Checked;
using graph::Source;

Position position_of(const toml::source_region& region) {
  return {static_cast<uint32_t>(region.begin.line), static_cast<uint32_t>(region.begin.column)};
}

// Copies a toml++ node. Depth is limited, so recursion is.
class Converter {
 public:
  // Nothing if the tree is too deep; `too_deep` says where.
  std::optional<TomlValue> convert(const toml::node& node, size_t depth) {
    TomlValue value;
    value.at = position_of(node.source());
    if (depth > kTomlDepthMax) {
      too_deep = value.at;
      return std::nullopt;
    }
    switch (node.type()) {
      case toml::node_type::table:
        value.kind = TomlValue::Kind::kTable;
        if (!convert_table(*node.as_table(), depth, value)) return std::nullopt;
        break;
      case toml::node_type::array:
        value.kind = TomlValue::Kind::kArray;
        for (const toml::node& item : *node.as_array()) {
          std::optional<TomlValue> converted = convert(item, depth + 1);
          if (!converted) return std::nullopt;
          value.items.push_back(std::move(*converted));
        }
        break;
      default:
        convert_scalar(node, value);
    }
    return value;
  }

  Position too_deep;

 private:
  bool convert_table(const toml::table& table, size_t depth, TomlValue& value) {
    for (const auto& [key, item] : table) {
      std::optional<TomlValue> converted = convert(item, depth + 1);
      if (!converted) return false;
      converted->key = std::string(key.str());
      converted->key_at = position_of(key.source());
      value.items.push_back(std::move(*converted));
    }
    std::stable_sort(value.items.begin(), value.items.end(),
                     [](const auto& a, const auto& b) { return a.key_at < b.key_at; });
    return true;
  }

  static void convert_scalar(const toml::node& node, TomlValue& value) {
    if (const auto* string = node.as_string()) {
      value.kind = TomlValue::Kind::kString;
      value.string = string->get();
    } else if (const auto* integer = node.as_integer()) {
      value.kind = TomlValue::Kind::kInteger;
      value.integer = integer->get();
    } else if (const auto* boolean = node.as_boolean()) {
      value.kind = TomlValue::Kind::kBoolean;
      value.boolean = boolean->get();
    } else {
      value.kind = node.is_floating_point() ? TomlValue::Kind::kFloat : TomlValue::Kind::kTime;
    }
  }
};

Checked<TomlValue> failed(graph::Diagnostic diagnostic) {
  return {std::nullopt, {std::move(diagnostic)}};
}

Checked<TomlValue> parse_checked(const Source& source) {
  try {
    const toml::table table = toml::parse(source.text);
    Converter converter;
    std::optional<TomlValue> root = converter.convert(table, 0);
    if (root) return {std::move(root), {}};
    const Position at = converter.too_deep;
    return failed(graph::diagnostic_at(source, graph::offset_of(source.text, at.line, at.column),
                                       "tables and arrays are nested too deeply",
                                       "the limit is " + std::to_string(kTomlDepthMax)));
  } catch (const toml::parse_error& error) {
    const Position at = position_of(error.source());
    return failed(graph::diagnostic_at(source, graph::offset_of(source.text, at.line, at.column),
                                       "not valid TOML: " + std::string(error.description())));
  } catch (const std::exception& error) {
    return failed(graph::diagnostic_for(source, std::string("not valid TOML: ") + error.what()));
  }
}

}  // namespace

const TomlValue* TomlValue::find(std::string_view name) const {
  const auto found = std::find_if(items.begin(), items.end(),
                                  [name](const TomlValue& item) { return item.key == name; });
  return found == items.end() ? nullptr : &*found;
}

std::string_view describe(TomlValue::Kind kind) {
  switch (kind) {
    case TomlValue::Kind::kString:
      return "a string";
    case TomlValue::Kind::kInteger:
      return "an integer";
    case TomlValue::Kind::kFloat:
      return "a float";
    case TomlValue::Kind::kBoolean:
      return "a boolean";
    case TomlValue::Kind::kTime:
      return "a date or time";
    case TomlValue::Kind::kArray:
      return "an array";
    case TomlValue::Kind::kTable:
      return "a table";
  }
  return "something else";
}

Checked<TomlValue> parse_toml(const Source& source) {
  if (source.text.size() > kTomlBytesMax) {
    return failed(graph::diagnostic_for(
        source, "the file has more than " + std::to_string(kTomlBytesMax) + " bytes"));
  }
  const size_t invalid = graph::first_invalid_utf8(source.text);
  if (invalid != std::string_view::npos) {
    return failed(graph::diagnostic_at(source, invalid, "this byte is not valid UTF-8",
                                       "save the file as UTF-8"));
  }
  const std::optional<size_t> deep = first_deep_key(source.text, kKeyPartsMax);
  if (deep) {
    return failed(graph::diagnostic_at(source, *deep, "this key has too many parts",
                                       "the limit is " + std::to_string(kKeyPartsMax)));
  }
  return parse_checked(source);
}

}  // namespace weir::config
