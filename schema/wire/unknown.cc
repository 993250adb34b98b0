#include "schema/wire/unknown.h"

namespace weir::wire {
namespace {

constexpr size_t kTypeShownMax = 80;

}  // namespace

std::string to_string(const Unknown& unknown) {
  std::string text = "messages of ";
  if (unknown.version != kControlVersion) {
    text += "version " + std::to_string(unknown.version) +
            " are not known here, only those of version " + std::to_string(kControlVersion);
  } else {
    text += "type \"" + unknown.type.substr(0, kTypeShownMax) + "\" are not known here";
  }
  return text + "; broker, agents and weirctl have to be of the same release";
}

}  // namespace weir::wire
