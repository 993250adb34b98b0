#include <cstddef>
#include <cstdint>

#include "test/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::fuzz::fuzz_one({reinterpret_cast<const char*>(data), size});
  return 0;
}
