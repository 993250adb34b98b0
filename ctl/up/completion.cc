#include "ctl/up/completion.h"

#include <sstream>

#include "ctl/base/files.h"
#include "schema/base/files.h"

namespace weir::ctl {
namespace {

std::string path_in(const std::string& folder) { return folder + "/weirctl/complete"; }

}  // namespace

Status write_completion(const std::string& folder, const Completion& completion) {
  return replace_file(path_in(folder),
                      "nonzero_exits " + std::to_string(completion.nonzero_exits) +
                          "\ndead_letters " + std::to_string(completion.dead_letters) + "\n",
                      Sync::kNo);
}

std::optional<Completion> read_completion(const std::string& folder) {
  const Result<std::optional<std::string>> text = read_small_file(path_in(folder));
  if (!text || !*text) return std::nullopt;
  std::istringstream words(**text);
  std::string exits;
  std::string letters;
  Completion completion;
  if (!(words >> exits >> completion.nonzero_exits >> letters >> completion.dead_letters) ||
      exits != "nonzero_exits" || letters != "dead_letters") {
    return std::nullopt;
  }
  return completion;
}

}  // namespace weir::ctl
