// WEIR_CHECK: for our own impossible states, on in release builds too. Never for anything that
// comes from a network, a disk, a file, a child process or a library: those are Errors.
#pragma once

#include <string>
#include <string_view>

namespace weir {

// Prints what failed and where on stderr, then aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               std::string_view message);

}  // namespace weir

#define WEIR_CHECK(condition, message)                                 \
  do {                                                                 \
    if (!(condition)) [[unlikely]] {                                   \
      ::weir::check_failed(__FILE__, __LINE__, #condition, (message)); \
    }                                                                  \
  } while (false)
