#include "test/e2e/ledger.h"

#include <filesystem>
#include <fstream>
#include <map>

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

std::map<std::string, long> kept_in(const std::string& folder) {
  std::map<std::string, long> kept;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    if (entry.path().filename().string()[0] == '.') continue;
    std::ifstream stream(entry.path());
    for (std::string line; std::getline(stream, line);) ++kept[line.substr(0, line.find(' '))];
  }
  return kept;
}

}  // namespace

Ledger ledger_of(const std::string& folder, const std::vector<long>& written) {
  std::map<std::string, long> kept = kept_in(folder);
  Ledger ledger;
  for (const long number : written) {
    ++ledger.written;
    const auto found = kept.find(std::to_string(number));
    if (found == kept.end()) {
      ++ledger.lost;
      continue;
    }
    if (found->second > 1 && ledger.repeated == 0) ledger.first_repeated = number;
    ledger.repeated += found->second - 1;
    kept.erase(found);
  }
  ledger.foreign = static_cast<long>(kept.size());
  return ledger;
}

}  // namespace weir::e2e
