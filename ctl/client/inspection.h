// One run of `weir-wrapper --inspect`: the program that knows how a log is written tells those that
// do not. weirctl itself never opens one.
//
// Blocks while weir-wrapper works, and waits for no longer than a minute for the next bytes.
// Thread: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"
#include "schema/runtime/process.h"

namespace weir::ctl {

// Killed when the object goes, unless it has ended.
class Inspection {
 public:
  // `words`: what stands behind --inspect.
  static Result<Inspection> start(const std::vector<std::string>& words);
  // Its whole answer, of at most `bytes_max`.
  static Result<std::string> run(const std::vector<std::string>& words, size_t bytes_max);

  Inspection(Inspection&& other) noexcept;
  Inspection& operator=(Inspection&&) = delete;
  ~Inspection();

  // As many bytes, or fewer at the end.
  Result<std::string> read(size_t size) const;
  // How it ended; to be asked when there is nothing more to read. Errors: kNotFound, kConflict, and
  // others with what weir-wrapper says.
  Status wait();

 private:
  Inspection() = default;
  std::string end_of_stderr() const;

  std::optional<runtime::Child> child_;
  UniqueFd out_;
  UniqueFd err_;
};

// What it says is not what it should say.
Error strange_answer(std::string_view what);

}  // namespace weir::ctl
