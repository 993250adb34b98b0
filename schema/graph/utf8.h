// The little of UTF-8 that the graph language needs: columns count characters, not bytes.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir::graph {

// The length in bytes of the well-formed sequence that begins at `at`; 0 if there is none.
size_t utf8_length(std::string_view text, size_t at);

// Characters in `text`; a byte that belongs to no well-formed sequence counts as one.
size_t count_characters(std::string_view text);

// The offset of the first byte that belongs to no well-formed sequence, or npos.
size_t first_invalid_utf8(std::string_view text);

}  // namespace weir::graph
