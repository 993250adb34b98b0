#include "ctl/client/broker.h"

#include "schema/graph/diagnostic.h"
#include "schema/graph/names.h"

namespace weir::ctl {
namespace {

// The name in a question that is one of these; null if it is none of them.
template <typename... Questions>
const std::string* name_in(const wire::Message& question) {
  const std::string* name = nullptr;
  const auto look = [&](const auto* one) { name = one == nullptr ? name : &one->name; };
  (look(std::get_if<Questions>(&question)), ...);
  return name;
}

}  // namespace

Status Broker::check_name(const wire::Message& question) {
  const std::string* const name =
      name_in<wire::PipelineGet, wire::PipelineStatusRequest, wire::PipelineRun, wire::PipelineStop,
              wire::PipelineAbandon, wire::PipelineRemove>(question);
  if (name == nullptr || graph::is_pipeline_name(*name)) return {};
  return Error{ErrorCode::kNotFound, "no pipeline is named \"" + graph::printable(*name) +
                                         "\": their names have small letters, digits, _ and -"};
}

}  // namespace weir::ctl
