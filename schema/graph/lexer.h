// Cuts a dataflow expression into tokens. What cannot be a token is reported, and something is put
// in its place so that the parser can go on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/graph/problem.h"

namespace weir::graph {

enum class TokenKind : uint8_t {
  kName,
  kCommand,   // A quoted string; `text` is without quotes and escapes.
  kStdin,     // A lone `-`.
  kSequence,  // ;
  kParallel,  // ||
  kOpen,
  kClose,
  kBad,  // Already reported; stands for whatever the parser needs.
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  uint32_t offset = 0;
  std::string text;
};

struct ParseOptions {
  // `-e`: every node is a command in quotes. A bare run of words is one mistake, not many.
  bool commands_only = false;
  uint32_t expression = 0;  // Goes into the places of problems.
};

// Always ends with kEnd.
std::vector<Token> lex(std::string_view text, const ParseOptions& options, Problems& problems);

}  // namespace weir::graph
