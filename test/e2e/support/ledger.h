// What became of numbered records: those that a source wrote against those that a sink kept.
#pragma once

#include <string>
#include <vector>

namespace weir::e2e {

struct Ledger {
  long written = 0;
  long lost = 0;
  long repeated = 0;
  long first_repeated = 0;  // The first one in the order in which they were written.
  long foreign = 0;         // Numbers that nobody wrote, each counted once.
};

// The first word of each line in the files of `folder` is a number; hidden files are not whole, and
// do not count. `written`: each number once.
Ledger ledger_of(const std::string& folder, const std::vector<long>& written);

// All that a sink has kept in a folder, where each of its units is a file TERM-BOOT-NUMBER, in the
// order of the units. Hidden files are not whole, and are left out.
std::string archived(const std::string& folder);

}  // namespace weir::e2e
