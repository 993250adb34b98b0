// TOML text by hand, where its parser must not be trusted or does not tell enough.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

// The offset of the first key of more than `parts_max` parts joined by dots. Sees strings and
// comments as TOML does, at least up to the first syntax error.
std::optional<size_t> first_deep_key(std::string_view text, size_t parts_max);

// For a string value that begins at `begin` (its opening quote) in `text`: the offset in `text` of
// each byte of the string, and of its end. Empty if no string begins there.
std::vector<size_t> string_offsets(std::string_view text, size_t begin);

// Quoted, so that TOML reads `text` back. `text` must be UTF-8.
std::string toml_quote(std::string_view text);

}  // namespace weir::config
