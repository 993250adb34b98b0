// Tables for people: titles, aligned columns, two blanks between them. Pure.
#pragma once

#include <string>
#include <vector>

namespace weir::ctl {

class Columns {
 public:
  // A title that begins with '>' stands over numbers, which are aligned to the right.
  explicit Columns(std::vector<std::string> titles);

  // As many as there are titles. What cannot be printed is replaced.
  void add(const std::vector<std::string>& row);
  bool empty() const { return rows_.size() == 1; }
  // The titles, then the rows; no blanks at the ends of lines.
  std::string text() const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;  // The first one are the titles.
};

}  // namespace weir::ctl
