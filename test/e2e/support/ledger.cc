#include "test/e2e/support/ledger.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <tuple>

#include "test/e2e/support/text.h"

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

// TERM-BOOT-NUMBER as three numbers.
std::tuple<uint64_t, uint64_t, uint64_t> unit_of(const std::string& name) {
  unsigned long long term = 0;
  unsigned long long boot = 0;
  unsigned long long number = 0;
  std::sscanf(name.c_str(), "%llu-%llu-%llu", &term, &boot, &number);
  return {term, boot, number};
}

}  // namespace

std::string archived(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    if (name[0] != '.') names.push_back(name);
  }
  std::sort(names.begin(), names.end(),
            [](const auto& a, const auto& b) { return unit_of(a) < unit_of(b); });
  std::string all;
  for (const std::string& name : names) all += read_file(folder + "/" + name);
  return all;
}

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
