#include "test/bench/table.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace weir::bench {
namespace {

using Row = std::vector<std::string>;

std::string with_unit(double value, const std::string& unit) {
  return unit.empty() ? short_number(value) : short_number(value) + " " + unit;
}

std::string target_text(const Line& line) {
  if (line.target.kind == Target::Kind::kNone) return "-";
  const std::string sign = line.target.kind == Target::Kind::kAtLeast ? ">= " : "<= ";
  return sign + with_unit(line.target.value, line.result_unit);
}

std::string median_text(const Samples& samples, const std::string& unit) {
  return samples.empty() ? "-" : with_unit(median(samples), unit);
}

Row cells(const Line& line) {
  if (line.result.empty()) {
    return {line.row, line.what, "", "", target_text(line), "", "", "", "", verdict(line)};
  }
  return {line.row,
          line.what,
          median_text(line.weir, line.unit),
          median_text(line.baseline, line.unit),
          target_text(line),
          short_number(smallest(line.result)),
          short_number(median(line.result)),
          short_number(largest(line.result)),
          std::to_string(line.result.size()),
          verdict(line)};
}

nlohmann::ordered_json spread(const Samples& samples) {
  if (samples.empty()) return nullptr;
  return {{"min", smallest(samples)},
          {"median", median(samples)},
          {"max", largest(samples)},
          {"samples", samples}};
}

}  // namespace

std::string verdict(const Line& line) {
  if (!line.skipped.empty()) return "skipped";
  if (!line.failed.empty()) return "FAILED";
  if (line.target.kind == Target::Kind::kNone) return "-";
  return is_met(line.target, median(line.result)) ? "met" : "MISSED";
}

std::string to_text(const std::vector<Line>& table) {
  std::vector<Row> rows = {
      {"row", "what", "weir", "baseline", "target", "min", "median", "max", "runs", "verdict"}};
  for (const Line& line : table) rows.push_back(cells(line));
  std::vector<size_t> widths(rows[0].size());
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (size_t at = 0; at < rows.size(); ++at) {
    std::string one;
    for (size_t i = 0; i < rows[at].size(); ++i) {
      const std::string pad(widths[i] - rows[at][i].size(), ' ');
      one += i < 2 || i + 1 == rows[at].size() ? rows[at][i] + pad : pad + rows[at][i];
      one += "  ";
    }
    one.erase(one.find_last_not_of(' ') + 1);
    text += one + "\n";
    if (at == 0) continue;
    const Line& line = table[at - 1];
    for (const std::string& more : {line.note, line.skipped, line.failed}) {
      if (!more.empty()) text += std::string(widths[0] + 2, ' ') + "  " + more + "\n";
    }
  }
  return text;
}

std::string to_json(const std::vector<Line>& table, const Settings& settings) {
  nlohmann::ordered_json lines = nlohmann::ordered_json::array();
  for (const Line& line : table) {
    nlohmann::ordered_json target = nullptr;
    if (line.target.kind == Target::Kind::kAtLeast) target = {{"at_least", line.target.value}};
    if (line.target.kind == Target::Kind::kAtMost) target = {{"at_most", line.target.value}};
    lines.push_back({{"row", line.row},
                     {"what", line.what},
                     {"unit", line.unit},
                     {"weir", spread(line.weir)},
                     {"baseline", spread(line.baseline)},
                     {"target", std::move(target)},
                     {"result_unit", line.result_unit},
                     {"result", spread(line.result)},
                     {"verdict", verdict(line)},
                     {"note", line.note},
                     {"skipped", line.skipped},
                     {"failed", line.failed}});
  }
  return nlohmann::ordered_json{{"quick", settings.quick}, {"lines", std::move(lines)}}.dump(2) +
         "\n";
}

}  // namespace weir::bench
