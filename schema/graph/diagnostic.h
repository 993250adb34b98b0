// What is wrong with a text that somebody wrote, where, and what to do about it:
//
//   pipeline.toml:3:19: error: unknown node 'evne'
//   dataflow = "gen ; evne"
//                     ^
//   hint: did you mean 'even'?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/error.h"

namespace weir::graph {

// More problems than this in one text are not collected: nobody reads them.
inline constexpr size_t kDiagnosticsMax = 50;

enum class Severity {
  kError,
  kWarning,  // It works, but most likely not as it was meant.
};

struct Diagnostic {
  std::string file;         // A path, or "-e", or "<stdin>".
  uint32_t line = 0;        // From 1; 0: the whole text.
  uint32_t column = 0;      // From 1, in characters.
  std::string message;      // Calm, lower case, no full stop.
  std::string hint;         // What to do; empty if the message says it.
  std::string source_line;  // The line as written, without its end.
  Severity severity = Severity::kError;

  bool operator==(const Diagnostic&) const = default;
};

using Diagnostics = std::vector<Diagnostic>;

// A value or all that is wrong; never both, never neither. Warnings come beside a value.
template <typename T>
struct Checked {
  std::optional<T> value;
  Diagnostics diagnostics;
  Diagnostics warnings = {};

  explicit operator bool() const { return value.has_value(); }
};

// A named text that diagnostics point into. The text must outlive it.
struct Source {
  std::string name;
  std::string_view text;
};

// A diagnostic at a byte offset of the source; an offset past the end means the end.
Diagnostic diagnostic_at(const Source& source, size_t offset, std::string message,
                         std::string hint = "");

// A diagnostic that has no place.
Diagnostic diagnostic_for(const Source& source, std::string message, std::string hint = "");

// The byte offset of a line and column (both from 1, columns in characters), clipped to the text.
size_t offset_of(std::string_view text, uint32_t line, uint32_t column);

// Four lines at most, each ended by a newline. Control characters and bytes that are not UTF-8 are
// replaced, so that a text cannot play with the reader's terminal; long lines are cut around the
// caret.
std::string render(const Diagnostic& diagnostic);
std::string render(const Diagnostics& diagnostics);

// `text` with control characters and bytes that are not UTF-8 replaced. Tabs become spaces.
std::string printable(std::string_view text);

// The diagnostics as one kInvalid error, for callers that pass errors on.
Error to_error(const Diagnostics& diagnostics);

// Puts diagnostics in the order of the text, drops repeats, and cuts the list at kDiagnosticsMax.
void tidy(Diagnostics& diagnostics);

}  // namespace weir::graph
