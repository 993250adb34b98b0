// One fuzz target is one .cc file that defines fuzz_one(); test/fuzz/CMakeLists.txt makes two
// programs of it: a libFuzzer target (option WEIR_FUZZ) and a regression test (always).
#pragma once

#include <string_view>

namespace weir::fuzz {

// Feeds `data` to the code under test. Must not crash, hang or read outside of `data`; what must
// hold for every input is checked with WEIR_CHECK.
void fuzz_one(std::string_view data);

}  // namespace weir::fuzz
