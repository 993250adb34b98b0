// SHA-256, as libsodium computes it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "schema/base/result.h"

namespace weir::content {

// For content that comes in parts. One thread at a time.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void add(std::string_view bytes);
  // 64 lower-case hex digits. Nothing may be added after this.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_of(std::string_view bytes);
// Reads the whole file. kNotFound, kIo.
Result<std::string> sha256_of_file(const std::string& path);

}  // namespace weir::content
