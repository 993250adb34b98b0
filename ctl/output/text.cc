#include "ctl/output/text.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "schema/graph/utf8.h"

namespace weir::ctl {

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], graph::count_characters(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    size_t blanks = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      line.append(blanks, ' ').append(row[i]);
      blanks = widths[i] - graph::count_characters(row[i]) + 2;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string shortened(const std::string& text, size_t characters) {
  size_t at = 0;
  for (size_t i = 0; i < characters && at < text.size(); ++i) {
    at += std::max<size_t>(1, graph::utf8_length(text, at));
  }
  return at >= text.size() ? text : text.substr(0, at) + "...";
}

std::string utc_time(uint64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char day[32];
  std::strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
  char rest[8];
  std::snprintf(rest, sizeof rest, ".%03uZ", static_cast<unsigned>(unix_ms % 1000));
  return std::string(day) + rest;
}

std::string base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - at);
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < count ? static_cast<uint8_t>(bytes[at + i]) : 0u);
    }
    for (size_t i = 0; i < 4; ++i) {
      out += i <= count ? kDigits[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return out;
}

}  // namespace weir::ctl
