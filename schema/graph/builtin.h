// Actions that come with weir: "weir:tail" is the program weir-tail, beside the others.
#pragma once

#include <string>
#include <string_view>

namespace weir::graph {

inline constexpr std::string_view kBuiltinPrefix = "weir:";
inline constexpr std::string_view kTailAction = "weir:tail";

inline bool is_builtin(std::string_view action) { return action.starts_with(kBuiltinPrefix); }

// Its file name.
inline std::string builtin_program(std::string_view action) {
  return "weir-" + std::string(action.substr(kBuiltinPrefix.size()));
}

}  // namespace weir::graph
