// Runs a fuzz target over its checked-in seeds and over some thousands of mutations of them, in
// every build and without libFuzzer.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "test/fuzz/fuzz.h"

namespace weir::fuzz {
namespace {

constexpr uint64_t kMutations = 5000;
constexpr size_t kMutantBytesMax = 16 * 1024;

std::vector<std::string> read_seeds() {
  std::vector<std::filesystem::path> paths;
  for (const char* folder : {WEIR_FUZZ_SEEDS}) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
  }
  // Directory order differs from machine to machine; a failing mutation must not.
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> seeds;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return seeds;
}

class Mutator {
 public:
  Mutator(const std::vector<std::string>& seeds, uint64_t seed) : seeds_(seeds), random_(seed) {}

  std::string make() {
    std::string text = pick();
    for (size_t i = 1 + below(4); i > 0; --i) mutate(text);
    if (text.size() > kMutantBytesMax) text.resize(kMutantBytesMax);
    return text;
  }

 private:
  size_t below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }
  const std::string& pick() { return seeds_[below(seeds_.size())]; }
  std::string piece_of(const std::string& text) {
    const size_t begin = below(text.size() + 1);
    return text.substr(begin, below(40));
  }

  void mutate(std::string& text) {
    const size_t at = below(text.size() + 1);
    switch (below(6)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 2:
        text.erase(at, below(20));
        break;
      case 3:
        text.insert(at, piece_of(text));
        break;
      case 4:
        text.insert(at, piece_of(pick()));
        break;
      default:
        text.resize(at);
    }
  }

  const std::vector<std::string>& seeds_;
  std::mt19937_64 random_;
};

// Printed when the process dies in the middle, which is what a found mistake mostly looks like.
uint64_t current_mutation = 0;

void say_where() {
  std::fprintf(stderr, "fuzz regression: died at mutation %llu\n",
               static_cast<unsigned long long>(current_mutation));
}

TEST(Fuzz, SeedsAndMutations) {
  const std::vector<std::string> seeds = read_seeds();
  ASSERT_FALSE(seeds.empty());
  for (const int fatal : {SIGABRT, SIGSEGV}) {
    std::signal(fatal, [](int number) {
      say_where();
      std::signal(number, SIG_DFL);
      std::raise(number);
    });
  }
  for (const std::string& seed : seeds) fuzz_one(seed);
  for (uint64_t mutation = 1; mutation <= kMutations; ++mutation) {
    current_mutation = mutation;
    fuzz_one(Mutator(seeds, mutation).make());
  }
  for (const int fatal : {SIGABRT, SIGSEGV}) std::signal(fatal, SIG_DFL);
}

}  // namespace
}  // namespace weir::fuzz
