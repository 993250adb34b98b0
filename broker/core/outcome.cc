#include "broker/core/outcome.h"

#include <utility>
#include <vector>

#include "schema/graph/suggest.h"

namespace weir::broker {
namespace {

template <typename Map>
Error not_found(const std::string& kind, const std::string& name, const Map& all) {
  std::vector<std::string> known;
  for (const auto& [other, one] : all) known.push_back(other);
  const std::string hint = graph::did_you_mean(name, known);
  return Error{ErrorCode::kNotFound,
               "no " + kind + " is named \"" + name + "\"" + (hint.empty() ? "" : "; " + hint)};
}

}  // namespace

Error conflict(std::string what) { return Error{ErrorCode::kConflict, std::move(what)}; }

Error no_pipeline(const State& state, const std::string& name) {
  return not_found("pipeline", name, state.pipelines);
}

Error no_agent(const State& state, const std::string& name) {
  return not_found("agent", name, state.agents);
}

}  // namespace weir::broker
