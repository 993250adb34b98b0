#include "test/e2e/support/text.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace weir::e2e {
namespace {

constexpr size_t kExcerptBytes = 200;

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string numbers(int from, int to, const std::string& before) {
  std::string text;
  for (int i = from; i <= to; ++i) text += before + std::to_string(i) + "\n";
  return text;
}

std::string quoted(const std::string& command) {
  std::string text = "'";
  for (const char byte : command) {
    if (byte == '\'' || byte == '\\') text += '\\';
    text += byte;
  }
  return text + "'";
}

std::string excerpt(std::string_view bytes) {
  std::string text = std::to_string(bytes.size()) + " bytes: ";
  for (const char byte : bytes.substr(0, kExcerptBytes)) {
    if (byte == '\n') {
      text += "\\n";
    } else if (static_cast<unsigned char>(byte) < ' ' || static_cast<unsigned char>(byte) > '~') {
      text += '?';
    } else {
      text += byte;
    }
  }
  return bytes.size() > kExcerptBytes ? text + "..." : text;
}

std::string difference(std::string_view expected, std::string_view actual) {
  if (expected == actual) return "";
  const auto [left, right] =
      std::mismatch(expected.begin(), expected.end(), actual.begin(), actual.end());
  const auto at = static_cast<size_t>(left - expected.begin());
  const size_t from = at < 40 ? 0 : at - 40;
  return "differs at byte " + std::to_string(at) + "\n  expected " +
         std::to_string(expected.size()) + " bytes, there " +
         excerpt(expected.substr(std::min(from, expected.size()))) + "\n  actual   " +
         std::to_string(actual.size()) + " bytes, there " +
         excerpt(actual.substr(std::min(from, actual.size())));
}

}  // namespace weir::e2e
