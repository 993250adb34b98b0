#include "ctl/output/columns.h"

#include <algorithm>
#include <utility>

#include "schema/base/check.h"
#include "schema/graph/diagnostic.h"
#include "schema/graph/utf8.h"

namespace weir::ctl {

Columns::Columns(std::vector<std::string> titles) {
  for (std::string& title : titles) {
    right_.push_back(title.starts_with('>'));
    if (right_.back()) title.erase(0, 1);
  }
  rows_.push_back(std::move(titles));
}

void Columns::add(const std::vector<std::string>& row) {
  WEIR_CHECK(row.size() == right_.size(), "a row has another number of cells");
  std::vector<std::string>& added = rows_.emplace_back();
  for (const std::string& cell : row) added.push_back(graph::printable(cell));
}

std::string Columns::text() const {
  std::vector<size_t> widths(right_.size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], graph::count_characters(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      const std::string blanks(widths[i] - graph::count_characters(row[i]), ' ');
      line += right_[i] ? blanks + row[i] : row[i] + blanks;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace weir::ctl
