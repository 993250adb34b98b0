// How pipelines are doing, with reasons in words: a function of what is wanted, decided and
// reported. Pure.
#pragma once

#include "broker/core/state.h"

namespace weir::broker {

wire::PipelineStatus make_status(const State& state, const Pipeline& pipeline);
wire::PipelineSummary make_summary(const State& state, const Pipeline& pipeline);
// `now`: agents are told of by how long ago they were heard.
wire::BrokerStatus make_broker_status(const State& state, SteadyTime now);

// How a pipeline that is wanted to run is doing, without what was decided earlier.
struct Progress {
  bool all_up = false;       // All instances are running or ended.
  bool all_settled = false;  // All sinks have ended and settled.
  bool all_ended = false;    // All instances have.
};
Progress progress(const State& state, const Pipeline& pipeline);

}  // namespace weir::broker
