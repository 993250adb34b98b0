#include "schema/graph/diagnostic.h"

#include <algorithm>
#include <tuple>

#include "schema/graph/utf8.h"

namespace weir::graph {
namespace {

// Characters of a source line that are shown, and how many of them stand before the caret.
constexpr size_t kLineShown = 160;
constexpr size_t kLineBeforeCaret = 80;

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// One character of `text`, made harmless, appended to `out`. Returns the bytes consumed.
size_t append_printable(std::string_view text, size_t at, std::string& out) {
  const size_t length = utf8_length(text, at);
  if (length == 0) {
    out += kReplacement;
    return 1;
  }
  const auto first = static_cast<uint8_t>(text[at]);
  const bool is_c0 = length == 1 && (first < 0x20 || first == 0x7F);
  const bool is_c1 = length == 2 && first == 0xC2 && static_cast<uint8_t>(text[at + 1]) < 0xA0;
  if (is_c0 || is_c1) {
    out += first == '\t' ? " " : "?";
  } else {
    out += text.substr(at, length);
  }
  return length;
}

size_t skip_characters(std::string_view text, size_t count) {
  size_t at = 0;
  while (count > 0 && at < text.size()) {
    at += std::max<size_t>(1, utf8_length(text, at));
    --count;
  }
  return at;
}

// The source line and the caret line below it.
std::string render_place(const Diagnostic& diagnostic) {
  std::string_view line = diagnostic.source_line;
  size_t before = diagnostic.column - 1;
  std::string shown;
  std::string caret;
  if (before > kLineBeforeCaret && count_characters(line) > kLineShown) {
    line.remove_prefix(skip_characters(line, before - kLineBeforeCaret));
    before = kLineBeforeCaret;
    shown = "...";
    caret = "   ";
  }
  size_t at = 0;
  for (size_t character = 0; at < line.size() && character < kLineShown; ++character) {
    const bool is_tab = line[at] == '\t';
    if (character < before) caret += is_tab ? '\t' : ' ';
    if (is_tab) {
      shown += '\t';
      ++at;
    } else {
      at += append_printable(line, at, shown);
    }
  }
  if (at < line.size()) shown += "...";
  return shown + "\n" + caret + "^\n";
}

}  // namespace

Diagnostic diagnostic_at(const Source& source, size_t offset, std::string message,
                         std::string hint) {
  const std::string_view text = source.text;
  offset = std::min(offset, text.size());
  const size_t newline = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
  const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
  size_t end = std::min(text.find('\n', begin), text.size());
  if (end > begin && text[end - 1] == '\r') --end;

  Diagnostic result;
  result.file = source.name;
  result.line = 1 + static_cast<uint32_t>(std::count(
                        text.begin(), text.begin() + static_cast<std::ptrdiff_t>(begin), '\n'));
  result.column = 1 + static_cast<uint32_t>(count_characters(text.substr(begin, offset - begin)));
  result.message = std::move(message);
  result.hint = std::move(hint);
  result.source_line = std::string(text.substr(begin, end - begin));
  return result;
}

Diagnostic diagnostic_for(const Source& source, std::string message, std::string hint) {
  Diagnostic result;
  result.file = source.name;
  result.message = std::move(message);
  result.hint = std::move(hint);
  return result;
}

size_t offset_of(std::string_view text, uint32_t line, uint32_t column) {
  size_t at = 0;
  for (uint32_t i = 1; i < line; ++i) {
    const size_t newline = text.find('\n', at);
    if (newline == std::string_view::npos) return text.size();
    at = newline + 1;
  }
  const size_t end = std::min(text.find('\n', at), text.size());
  return at + skip_characters(text.substr(at, end - at), column > 0 ? column - 1 : 0);
}

std::string printable(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) at += append_printable(text, at, out);
  return out;
}

std::string render(const Diagnostic& diagnostic) {
  std::string out = printable(diagnostic.file) + ":";
  if (diagnostic.line > 0) {
    out += std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column) + ":";
  }
  out += diagnostic.severity == Severity::kWarning ? " warning: " : " error: ";
  out += printable(diagnostic.message) + "\n";
  if (diagnostic.line > 0) out += render_place(diagnostic);
  if (!diagnostic.hint.empty()) out += "hint: " + printable(diagnostic.hint) + "\n";
  return out;
}

std::string render(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += render(diagnostic);
  return out;
}

Error to_error(const Diagnostics& diagnostics) {
  std::string text = render(diagnostics);
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return Error{ErrorCode::kInvalid, std::move(text)};
}

void tidy(Diagnostics& diagnostics) {
  const auto place = [](const Diagnostic& d) { return std::tie(d.line, d.column); };
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  diagnostics.erase(std::unique(diagnostics.begin(), diagnostics.end()), diagnostics.end());
  if (diagnostics.size() <= kDiagnosticsMax) return;
  Diagnostic last;
  last.file = diagnostics.front().file;
  last.message = "too many problems; the first " + std::to_string(kDiagnosticsMax) + " are shown";
  diagnostics.resize(kDiagnosticsMax);
  diagnostics.push_back(std::move(last));
}

}  // namespace weir::graph
