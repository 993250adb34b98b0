#include "ctl/dead/change.h"

#include <charconv>

#include "ctl/dead/letters.h"
#include "schema/graph/diagnostic.h"

namespace weir::ctl {
namespace {

// "0.1.17": the first number is the instance's.
std::optional<uint32_t> instance_of(const std::string& id) {
  uint32_t instance = 0;
  const auto [at, failure] = std::from_chars(id.data(), id.data() + id.size(), instance);
  if (failure != std::errc() || at == id.data() + id.size() || *at != '.') return std::nullopt;
  return instance;
}

}  // namespace

void add_letter_arguments(Command command, LettersNamed& named, const std::string& all_help) {
  command.argument({.names = "PIPELINE", .help = "the pipeline", .is_required = true},
                   named.pipeline);
  command.argument({.names = "NODE", .help = "the node that gave them up"}, named.node);
  command.argument({.names = "ID", .help = "their ids, as 'weirctl dead list' shows them"},
                   named.ids);
  command.flag({.names = "--all", .help = all_help}, named.all);
}

std::string trouble_with(const LettersNamed& named) {
  if (named.all && !named.ids.empty()) return "--all and ids: leave out one";
  if (!named.all && named.node.empty()) return "no node given, and no ids (or --all)";
  if (!named.all && named.ids.empty()) return "no ids given, and no --all";
  return "";
}

Result<std::vector<Letters>> letters_named(Broker& broker, const LettersNamed& named) {
  std::vector<std::string> nodes;
  if (!named.node.empty()) nodes.push_back(named.node);
  const auto instances = placed_instances(broker, named.pipeline, nodes);
  if (!instances) return instances.error();
  std::vector<Letters> all;
  for (const PlacedInstance& placed : *instances) all.push_back({placed.key, placed.label, {}});
  if (named.all) return all;
  for (const std::string& id : named.ids) {
    const auto instance = instance_of(id);
    bool found = false;
    for (Letters& letters : all) {
      if (!instance || letters.instance.instance != *instance) continue;
      letters.ids.push_back(id);
      found = true;
    }
    if (!found) {
      return Error{ErrorCode::kNotFound, named.node + " has no dead letter '" +
                                             graph::printable(id) +
                                             "'\nhint: to see which it has: weirctl dead list " +
                                             named.pipeline + " " + named.node};
    }
  }
  std::erase_if(all, [](const Letters& letters) { return letters.ids.empty(); });
  return all;
}

std::string letters_text(uint64_t count) {
  return std::to_string(count) + (count == 1 ? " dead letter" : " dead letters");
}

}  // namespace weir::ctl
