#include "agent/core/agent.h"

#include <algorithm>
#include <utility>

#include "schema/base/log.h"
#include "schema/base/log_share.h"
#include "schema/wire/unknown.h"

namespace weir::agent {
namespace {

// A wrapper's, to what was passed on to it.
bool is_answer(const wire::Envelope& envelope) {
  return !envelope.request.empty() &&
         (std::holds_alternative<wire::DeadData>(envelope.message) ||
          std::holds_alternative<wire::DeadChanged>(envelope.message) ||
          std::holds_alternative<wire::Refusal>(envelope.message));
}

}  // namespace

AgentCore::AgentCore(std::string name, Layout layout, uint64_t log_limit_bytes,
                     std::string identity)
    : layout_(std::move(layout)),
      log_limit_bytes_(log_limit_bytes),
      broker_(std::move(name), std::move(identity), layout_.address) {}

void AgentCore::recover(wire::StartOrder order, Starts starts) {
  const wire::InstanceKey key = wire::key_of(order);
  // Completed anew: the agent's folders may have moved.
  lives_.try_emplace(key, layout_.complete(std::move(order)), true, starts);
}

// ---- Doors ---------------------------------------------------------------------------------

std::vector<AgentEffect> AgentCore::from_broker(wire::Envelope envelope, uint64_t free_bytes,
                                                SteadyTime now) {
  broker_.heard(now);
  if (const auto* orders = std::get_if<wire::AgentOrders>(&envelope.message)) {
    broker_.accepted();
    if (!shutting_down_) take_orders(*orders, free_bytes, now);
  } else if (const auto* notes = std::get_if<wire::NotesTaken>(&envelope.message)) {
    take_notes_taken(*notes);
  } else if (std::holds_alternative<wire::Ok>(envelope.message)) {
    broker_.answered();
  } else if (const auto* data = std::get_if<wire::ActionData>(&envelope.message)) {
    contents_.on_data(*data, now);
  } else if (const auto* read = std::get_if<wire::LogRead>(&envelope.message)) {
    effects_.emplace_back(ReadLog{envelope.request, *read, lives_.contains(read->instance)});
  } else if (auto* dead = std::get_if<wire::DeadRead>(&envelope.message)) {
    const wire::InstanceKey key = dead->instance;
    pass_question(envelope.request, key, dead->log_term, std::move(*dead));
  } else if (auto* change = std::get_if<wire::DeadChange>(&envelope.message)) {
    const wire::InstanceKey key = change->instance;
    pass_question(envelope.request, key, change->log_term, std::move(*change));
  } else if (const auto* refusal = std::get_if<wire::Refusal>(&envelope.message)) {
    take_refusal(envelope.request, *refusal, now);
  } else if (const auto* unknown = std::get_if<wire::Unknown>(&envelope.message)) {
    log::warn("from the broker: " + wire::to_string(*unknown));
  }
  return finish(now);
}

void AgentCore::take_notes_taken(const wire::NotesTaken& notes) {
  for (const wire::InstanceNotes& taken : notes.instances) {
    const auto life = lives_.find(taken.instance);
    if (life == lives_.end()) continue;
    life->second.notes_taken(taken.boot, taken.number);
    to_peer(taken.instance, wire::NotesTaken{{taken}});
  }
}

void AgentCore::take_refusal(const std::string& request, const wire::Refusal& refusal,
                             SteadyTime now) {
  if (!request.empty()) {
    contents_.on_refused(request, refusal.what, now);
  } else {
    broker_.refused(refusal, now);
  }
}

std::vector<AgentEffect> AgentCore::from_wrapper(const std::string& peer, wire::Envelope envelope,
                                                 SteadyTime now) {
  if (const auto* hello = std::get_if<wire::WrapperHello>(&envelope.message)) {
    take_hello(peer, {hello->pipeline, hello->node, hello->instance, hello->drained_term},
               {hello->pid, hello->term}, now);
  } else if (const auto* report = std::get_if<wire::WrapperReport>(&envelope.message)) {
    take_report(peer, report->status, now);
  } else if (is_answer(envelope)) {
    effects_.emplace_back(ToBroker{std::move(envelope.message), envelope.request});
  } else if (!std::holds_alternative<wire::Ok>(envelope.message) &&
             !std::holds_alternative<wire::Refusal>(envelope.message)) {
    const wire::Refusal refusal{ErrorCode::kInvalid, "an agent does not know this message"};
    effects_.emplace_back(ToWrapper{peer, refusal});
  }
  return finish(now);
}

std::vector<AgentEffect> AgentCore::from_shell(const wire::InstanceKey& key, const LifeEvent& event,
                                               SteadyTime now) {
  step(key, event, now);
  return finish(now);
}

std::vector<AgentEffect> AgentCore::from_contents(const std::string& sha256,
                                                  const ContentAnswer& answer, SteadyTime now) {
  contents_.on_answer(sha256, answer, now);
  return finish(now);
}

std::vector<AgentEffect> AgentCore::from_eraser(const wire::InstanceKey& key, const Status& done,
                                                SteadyTime now) {
  if (done) {
    log::info(wire::to_string(key) + ": removed");
    removals_.gone(key);
    broker_.report_now();
    if (const auto held = held_up_.extract(key); !held.empty()) {
      take_order(held.mapped(), held_up_share_, now);
    }
  } else if (removals_.failed(key, done.error().what, now)) {
    log::warn(wire::to_string(key) + ": cannot be removed yet: " + done.error().what);
  }
  return finish(now);
}

std::vector<AgentEffect> AgentCore::tick(SteadyTime now) {
  // Only those that wait: a step may end a life, so the keys are collected first.
  if (hold_until_ && now >= *hold_until_) hold_until_.reset();
  std::vector<wire::InstanceKey> due;
  for (const auto& [key, life] : lives_) {
    if (hold_until_) break;
    if (const auto at = life.deadline(); at && *at <= now) due.push_back(key);
  }
  for (const wire::InstanceKey& key : due) step(key, TimePassed{}, now);
  return finish(now);
}

std::vector<AgentEffect> AgentCore::shut_down(SteadyTime now) {
  shutting_down_ = true;
  return finish(now);
}

std::vector<AgentEffect> AgentCore::finish(SteadyTime now) {
  if (broker_.is_silent(now)) effects_.emplace_back(ReconnectBroker{});
  return std::exchange(effects_, {});
}

std::vector<AgentEffect> AgentCore::end_turn(SteadyTime now) {
  // What looks at all wrappers is done here, and not for each of a thousand that speak at once.
  if (shutting_down_) continue_shutdown(now);
  continue_removals(now);
  supply_contents(now);
  if (auto message = broker_.next_message(lives_, removals_.keys(), now)) {
    effects_.emplace_back(ToBroker{std::move(*message)});
  }
  return std::exchange(effects_, {});
}

SteadyTime AgentCore::deadline(SteadyTime now) const {
  SteadyTime earliest = std::max(broker_.deadline(), now);
  if (hold_until_) earliest = std::min(earliest, *hold_until_);
  for (const auto& [key, life] : lives_) {
    if (hold_until_) break;
    if (const auto at = life.deadline()) earliest = std::min(earliest, *at);
  }
  if (const auto at = contents_.deadline()) earliest = std::min(earliest, *at);
  if (const auto at = removals_.deadline()) earliest = std::min(earliest, *at);
  return std::max(earliest, now);
}

// ---- Orders --------------------------------------------------------------------------------

// R7: of what is left of the disk, for each of the logs there.
uint64_t AgentCore::log_share(const wire::AgentOrders& orders, uint64_t free_bytes) const {
  if (log_limit_bytes_ != 0) return log_limit_bytes_;
  size_t logs = lives_.size();
  for (const wire::StartOrder& order : orders.start) {
    if (!lives_.contains(wire::key_of(order))) ++logs;
  }
  return log_share_bytes(free_bytes, logs);
}

void AgentCore::take_orders(const wire::AgentOrders& orders, uint64_t free_bytes, SteadyTime now) {
  if (!broker_.follows(orders)) return;
  hold_until_.reset();
  const uint64_t share = log_share(orders, free_bytes);
  for (const wire::StartOrder& order : orders.start) {
    const wire::InstanceKey key = wire::key_of(order);
    if (removals_.has(key)) {
      // What it would find is being deleted.
      held_up_.insert_or_assign(key, order);
      held_up_share_ = share;
    } else {
      take_order(order, share, now);
    }
  }
  for (const wire::InstanceKey& key : orders.stop) {
    held_up_.erase(key);
    step(key, StopCame{true}, now);
  }
  for (const wire::InstanceKey& key : orders.remove) {
    held_up_.erase(key);
    step(key, StopCame{true}, now);
    removals_.want(key);
  }
}

void AgentCore::take_order(const wire::StartOrder& order, uint64_t log_share, SteadyTime now) {
  const wire::InstanceKey key = wire::key_of(order);
  wire::StartOrder complete = layout_.complete(order);
  const auto found = lives_.find(key);
  if (complete.log_limit_bytes == 0) {
    // Chosen once, for as long as there is an order: it must not change with each order.
    const uint64_t chosen = found == lives_.end() ? 0 : found->second.order().log_limit_bytes;
    complete.log_limit_bytes = chosen != 0 ? chosen : log_share;
  }
  if (found == lives_.end()) {
    if (lives_.size() >= wire::kInstancesPerAgentMax) {
      return log::error(wire::to_string(key) + ": too many instances on this agent");
    }
    lives_.try_emplace(key, complete, false);
    broker_.back(key);
  } else if (order.term < found->second.order().term) {
    log::warn(wire::to_string(key) + ": refused an order of the lower term " +
              std::to_string(order.term));
  }
  broker_.changed(key);
  step(key, OrderCame{std::move(complete)}, now);
  orders_changed_ = true;
}

// ---- Wrappers ------------------------------------------------------------------------------

void AgentCore::take_hello(const std::string& peer, const wire::InstanceKey& key,
                           const HelloCame& hello, SteadyTime now) {
  const auto found = lives_.find(key);
  if (found == lives_.end()) {
    log::warn(wire::to_string(key) + ": runs without an order; it is told to stop");
    effects_.emplace_back(ToWrapper{peer, wire::WrapperStop{false}});
    return;
  }
  bind_peer(peer, key);
  step(key, hello, now);
}

void AgentCore::take_report(const std::string& peer, const wire::InstanceStatus& status,
                            SteadyTime now) {
  const wire::InstanceKey key = wire::key_of(status);
  const auto known = by_peer_.find(peer);
  if (known == by_peer_.end() || known->second != key) {
    // The wrapper was there before this agent, and its socket has come back.
    take_hello(peer, key, {status.pid, status.term}, now);
  }
  step(key, ReportCame{status}, now);
}

void AgentCore::bind_peer(const std::string& peer, const wire::InstanceKey& key) {
  unbind_peer(key);
  if (const auto other = by_peer_.find(peer); other != by_peer_.end()) {
    peers_.erase(other->second);
  }
  by_peer_[peer] = key;
  peers_[key] = peer;
}

void AgentCore::unbind_peer(const wire::InstanceKey& key) {
  const auto found = peers_.find(key);
  if (found == peers_.end()) return;
  by_peer_.erase(found->second);
  peers_.erase(found);
}

void AgentCore::step(const wire::InstanceKey& key, const LifeEvent& event, SteadyTime now) {
  const auto found = lives_.find(key);
  if (found == lives_.end()) return;  // A stop for, or an answer about, what is gone already.
  const std::vector<LifeEffect> effects = found->second.step(event, now);
  // A wrapper's figures go with the next heartbeat; what cannot wait says so (ReportNow).
  if (!std::holds_alternative<ReportCame>(event)) broker_.changed(key);
  for (const LifeEffect& effect : effects) pass_on(key, effect);
  if (std::holds_alternative<Ended>(event)) unbind_peer(key);
  if (found->second.state() != LifeState::kGone) return;
  lives_.erase(found);
  broker_.gone(key);
  orders_changed_ = true;
}

void AgentCore::pass_on(const wire::InstanceKey& key, const LifeEffect& effect) {
  if (std::holds_alternative<ReportNow>(effect)) {
    broker_.report_now();
    broker_.changed(key);
  } else if (std::holds_alternative<SendStop>(effect)) {
    to_peer(key, wire::WrapperStop{false});
  } else if (std::holds_alternative<SendEnd>(effect)) {
    to_peer(key, wire::WrapperStop{true});
  } else if (std::holds_alternative<SendNeighbours>(effect)) {
    to_peer(key, wire::WrapperNeighbours{lives_.at(key).order().readers});
  } else {
    effects_.emplace_back(ForWrapper{key, effect});
  }
}

// To the wrapper, which has the log open; while there is none the log is looked at.
void AgentCore::pass_question(const std::string& request, const wire::InstanceKey& key,
                              uint64_t log_term, wire::Message question) {
  const auto life = lives_.find(key);
  const bool may_run = life != lives_.end() && (life->second.has_process() ||
                                                life->second.state() == LifeState::kLaunching);
  const auto peer = peers_.find(key);
  if (!may_run) {
    effects_.emplace_back(AskLog{request, key, log_term, std::move(question)});
  } else if (life->second.is_connected() && peer != peers_.end()) {
    effects_.emplace_back(ToWrapper{peer->second, std::move(question), request});
  } else {
    const wire::Refusal refusal{ErrorCode::kUnavailable, key.node + " is starting; try again"};
    effects_.emplace_back(ToBroker{refusal, request});
  }
}

void AgentCore::to_peer(const wire::InstanceKey& key, wire::Message message) {
  const auto found = peers_.find(key);
  if (found == peers_.end()) return;  // It says hello again, and is told then.
  effects_.emplace_back(ToWrapper{found->second, std::move(message)});
}

// ---- Actions -------------------------------------------------------------------------------

void AgentCore::supply_contents(SteadyTime now) {
  if (std::exchange(orders_changed_, false)) {
    std::map<std::string, wire::ActionRef> needed;
    for (const auto& [key, life] : lives_) {
      const auto& action = life.order().uploaded;
      if (action) needed.emplace(action->sha256, *action);
    }
    contents_.need(needed);
  }
  contents_.tick(broker_.is_known(), now);
  std::vector<std::pair<wire::InstanceKey, std::string>> waiting;
  for (const auto& [key, life] : lives_) {
    if (!hold_until_ && life.awaits_content())
      waiting.emplace_back(key, life.order().uploaded->sha256);
  }
  for (const auto& [key, sha256] : waiting) {
    step(key, ContentCame{contents_.is_here(sha256), contents_.waits(sha256)}, now);
  }
  for (ContentEffect& effect : contents_.take_effects()) {
    if (const auto* ask = std::get_if<AskForContent>(&effect)) {
      effects_.emplace_back(ToBroker{wire::ActionFetch{ask->sha256, ask->offset}, ask->sha256});
    } else {
      effects_.emplace_back(ForContents{std::move(effect)});
    }
  }
}

// ---- Removal -------------------------------------------------------------------------------

void AgentCore::continue_removals(SteadyTime now) {
  const auto has_life = [this](const wire::InstanceKey& key) { return lives_.contains(key); };
  for (wire::InstanceKey& key : removals_.take_due(has_life, now)) {
    effects_.emplace_back(EraseInstance{std::move(key)});
  }
}

// ---- The end -------------------------------------------------------------------------------

void AgentCore::continue_shutdown(SteadyTime now) {
  std::set<std::pair<std::string, std::string>> up;  // Pipelines and lanes.
  for (const auto& [key, life] : lives_) {
    if (life.has_process()) up.emplace(key.pipeline, life.order().name());
  }
  std::vector<wire::InstanceKey> ready;
  for (const auto& [key, life] : lives_) {
    if (life.wanted() != Wanted::kRun) continue;
    const auto& writers = life.order().writers;
    const bool waits = std::any_of(writers.begin(), writers.end(), [&](const std::string& lane) {
      return up.contains({key.pipeline, lane});
    });
    if (!waits) ready.push_back(key);
  }
  for (const wire::InstanceKey& key : ready) step(key, StopCame{false}, now);
}

bool AgentCore::all_down() const {
  return std::none_of(lives_.begin(), lives_.end(),
                      [](const auto& entry) { return entry.second.has_process(); });
}

}  // namespace weir::agent
