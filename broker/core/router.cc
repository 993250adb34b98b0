#include "broker/core/router.h"

#include <type_traits>
#include <utility>
#include <variant>

#include "broker/core/action_requests.h"
#include "broker/core/drains.h"
#include "broker/core/outcome.h"
#include "broker/core/pipeline_requests.h"
#include "broker/core/placer.h"
#include "broker/core/registration.h"
#include "broker/core/relay.h"
#include "broker/core/reports.h"
#include "broker/core/status.h"
#include "schema/wire/unknown.h"

namespace weir::broker {
namespace {

struct Visitor {
  const Router& parts;
  Step& step;
  const std::string& peer;
  const std::string& request;

  void answer(wire::Message message) const { step.send(peer, request, std::move(message)); }

  void refuse(const Error& error) const { step.refuse(peer, request, error); }

  // ---- Changes that people ask for ---------------------------------------------------------

  template <typename What>
  void change(What what) const {
    ResultRecord result{request, std::nullopt, std::nullopt};
    if (const ResultRecord* const known = parts.results.find(request); known != nullptr) {
      result = *known;
    } else {
      Outcome outcome = what();
      if (outcome) {
        result.action = std::move(outcome->action);
      } else {
        result.refusal = wire::refusal(outcome.error());
      }
      parts.results.keep(result, step.effects.writes);
    }
    if (result.refusal) return answer(*result.refusal);
    if (result.action) return answer(wire::ActionStored{*result.action});
    answer(wire::Ok{});
  }

  PipelineRequests pipelines() const { return {step, parts.actions}; }
  ActionRequests actions() const { return {step, parts.actions}; }

  void operator()(wire::PipelinePut& message) const {
    change([&] { return pipelines().put(std::move(message.spec)); });
  }
  void operator()(wire::PipelineRun& message) const {
    change([&] { return pipelines().run(std::move(message)); });
  }
  void operator()(wire::PipelineStop& message) const {
    change([&] { return pipelines().stop(message.name, message.end); });
  }
  void operator()(wire::PipelineRemove& message) const {
    change([&] { return pipelines().remove(message.name, message.discard); });
  }
  void operator()(wire::PipelineAbandon& message) const {
    change([&] { return Placer(step).abandon(message.name); });
  }
  void operator()(wire::AgentRemove& message) const {
    change([&] { return Registration(step, parts.failure_detector).remove(message.name); });
  }
  void operator()(wire::ActionPut& message) const {
    change([&] { return actions().put(message); });
  }
  void operator()(wire::ActionRemove& message) const {
    change([&] { return actions().remove(message.name, message.version); });
  }

  // ---- Questions ---------------------------------------------------------------------------

  void operator()(wire::PipelineGet& message) const {
    const Pipeline* const pipeline = step.state.pipeline(message.name);
    if (pipeline == nullptr) return refuse(no_pipeline(step.state, message.name));
    answer(wire::PipelineSpecIs{pipeline->spec()});
  }
  void operator()(wire::PipelineStatusRequest& message) const {
    const Pipeline* const pipeline = step.state.pipeline(message.name);
    if (pipeline == nullptr) return refuse(no_pipeline(step.state, message.name));
    answer(make_status(step.state, *pipeline));
  }
  void operator()(wire::BrokerStatusRequest& /*message*/) const {
    answer(make_broker_status(step.state, step.now));
  }
  void operator()(wire::EventsRequest& message) const {
    answer(wire::Events{step.events.after(message.after)});
  }
  void operator()(wire::ActionFind& message) const {
    auto action = parts.actions.find(message.name, message.version);
    if (!action) return refuse(action.error());
    answer(wire::ActionStored{std::move(*action)});
  }
  void operator()(wire::ActionList& /*message*/) const { answer(actions().list()); }
  void operator()(wire::LogRead& message) const {
    Relay(step).ask(peer, request, std::move(message));
  }
  void operator()(wire::DeadRead& message) const {
    Relay(step).ask(peer, request, std::move(message));
  }
  void operator()(wire::DeadChange& message) const {
    Relay(step).ask(peer, request, std::move(message));
  }

  // ---- What agents say ---------------------------------------------------------------------

  void operator()(wire::AgentRegister& message) const {
    Registration(step, parts.failure_detector).take(peer, request, std::move(message));
  }
  void operator()(wire::AgentReport& message) const {
    if (Registration(step, parts.failure_detector).take_part(peer, request, message)) return;
    Reports(step, parts.failure_detector).take(peer, request, std::move(message));
  }
  void operator()(wire::LogData& message) const { Relay(step).answer(request, std::move(message)); }
  void operator()(wire::DeadData& message) const {
    Relay(step).answer(request, std::move(message));
  }
  void operator()(wire::DeadChanged& message) const {
    Relay(step).answer_changed(request, std::move(message));
  }
  // To what was passed on to it; others answer nothing that was asked.
  void operator()(wire::Refusal& message) const { Relay(step).answer(request, std::move(message)); }

  // ---- Answers, and what only others take --------------------------------------------------

  void operator()(wire::Ok& /*message*/) const {}  // An answer to it would go on for ever.
  void operator()(wire::Unknown& message) const {
    refuse({ErrorCode::kInvalid, "broker: " + wire::to_string(message)});
  }
  template <typename T>
  void operator()(T& message) const {
    refuse({ErrorCode::kInvalid, std::string(wire::type_name(message)) + " is not for a broker"});
  }
};

}  // namespace

void Router::take(const std::string& peer, wire::Envelope envelope) const {
  std::visit(Visitor{*this, step, peer, envelope.request}, envelope.message);
}

}  // namespace weir::broker
