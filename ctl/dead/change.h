// `weirctl dead retry` and `dead drop`: which letters are meant, and asking for it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ctl/base/command.h"
#include "ctl/cli/program.h"
#include "ctl/client/broker.h"

namespace weir::ctl {

// The letters of one instance that a command is about.
struct Letters {
  wire::InstanceKey instance;
  std::string label;             // As users call it.
  std::vector<std::string> ids;  // Empty: all of them.
};

struct LettersNamed {
  std::string pipeline;
  std::string node;
  std::vector<std::string> ids;
  bool all = false;
};

// Adds PIPELINE, NODE, ID and --all.
void add_letter_arguments(Command command, LettersNamed& named, const std::string& all_help);

// None, or what is wrong with it: usage.
std::string trouble_with(const LettersNamed& named);

// Errors: kNotFound for a pipeline, a node or an id that cannot be.
Result<std::vector<Letters>> letters_named(Broker& broker, const LettersNamed& named);

// "1 dead letter", "3 dead letters"
std::string letters_text(uint64_t count);

}  // namespace weir::ctl
