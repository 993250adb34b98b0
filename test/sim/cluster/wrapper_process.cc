#include "test/sim/cluster/wrapper_process.h"

#include <algorithm>

#include "test/sim/cluster/agent_process.h"
#include "test/sim/cluster/cluster.h"
#include "wrapper/core/log_entries.h"

namespace weir::sim {
namespace {

constexpr uint64_t kCreditBytes = 4096;
constexpr milliseconds kReportEvery{1000};
constexpr milliseconds kLocalDelay{1};

}  // namespace

WrapperProcess::WrapperProcess(Cluster& cluster, Host& host, wire::StartOrder order, int64_t pid)
    : Process(cluster.scheduler()),
      cluster_(cluster),
      host_(host),
      order_(std::move(order)),
      pid_(pid),
      stored_(host.log(order_.log_dir)),
      runs_(cluster, cluster.node_plan(order_.pipeline, order_.node.name),
            cluster.node_past(order_.pipeline, order_.node.name), order_),
      gauge_({kDiskReserve, 0}) {
  stored_.portable = order_.node.portable;
}

WrapperProcess::~WrapperProcess() = default;

size_t WrapperProcess::place() const { return host_.place(); }

std::string WrapperProcess::name() const {
  return host_.name() + ": " + order_.name() + " (term " + std::to_string(order_.term) + ", pid " +
         std::to_string(pid_) + ")";
}

SteadyTime WrapperProcess::clock() const { return host_.clock(); }

void WrapperProcess::begin() {
  facts_.pid = pid_;
  if (host_.disk == DiskState::kFull) {
    cluster_.trace(name() + " cannot open its log: the disk is full");
    return end(wire::kExitAgain);
  }
  const Result<core::LogState> state = core::load(stored_.disk.log());
  if (!state) return cluster_.fail("a log does not load: " + state.error().what);
  of_ = core::next_incarnation(*state, order_.term);
  of_.boot = std::max(of_.boot, stored_.kept_boot + 1);
  of_.nonce = cluster_.pick(UINT64_MAX) | 1;
  stored_.kept_boot = of_.boot;
  cluster_.trace(name() + " opens boot " + std::to_string(of_.boot));
  cluster_.log_opened(*this);
  node_ =
      std::make_unique<core::Node>(core::NodeConfig{order_, of_, kCreditBytes}, stored_.disk.log(),
                                   *state, static_cast<core::Effects&>(*this));
  runs_.attach(node_.get());
  listener_.emplace(*node_);
  endpoints_.emplace(order_.readers);
  links_.resize(order_.readers.size());
  next_noted_ = node_->lane().first_held();
  if (!order_.writers.empty()) {
    facts_.endpoint = order_.listen;
    if (!order_.listen_remote.empty()) {
      std::string& port = stored_.remote_endpoint;
      if (port.empty()) port = cluster_.new_name("tcp://" + host_.name() + ":");
      facts_.remote_endpoint = port;
    }
    cluster_.listen(facts_.endpoint, pid_);
    cluster_.listen(facts_.remote_endpoint, pid_);
  }
  tell_agent(wire::WrapperHello{order_.pipeline, order_.node.name, order_.instance, order_.term,
                                pid_, order_.drained_term});
  look_at_room();
  set_readers(order_.readers);
  node_->start(clock());
  stored_.disk.keep_copy();
  wake(milliseconds(0));
}

void WrapperProcess::die(bool power_cut) {
  no_more_events();
  runs_.attach(nullptr);
  listener_.reset();
  node_.reset();
  stored_.disk.stop_writing(ending_ ? stored_.disk.waiting()
                                    : cluster_.pick(stored_.disk.waiting() + 1));
  if (power_cut && stored_.disk.unsynced() > 0) {
    const size_t kept = cluster_.pick(stored_.disk.unsynced() + 1);
    if (kept < stored_.disk.unsynced()) cluster_.logs_lost(name() + " loses the end of its log");
    stored_.disk.lose_unsynced(kept);
  }
  cluster_.hang_up(facts_.endpoint, pid_);
  cluster_.hang_up(facts_.remote_endpoint, pid_);
  for (const auto& link : links_) {
    if (link) link->close();
  }
  // Others hear of the end of a process at once, and of a host's by its silence.
  const auto routes = std::exchange(routes_, {});
  for (const auto& [route, weak] : routes) {
    const Duration delay = power_cut ? milliseconds(cluster_.pick(6000)) : milliseconds(0);
    cluster_.scheduler().after(delay, [weak = weak] {
      if (const auto link = weak.lock()) link->broke();
    });
  }
}

void WrapperProcess::end(int status) {
  if (std::exchange(ending_, true)) return;
  runs_.kill();
  // The program's tree is killed first (R11).
  later(milliseconds(1 + cluster_.pick(30)), [this, status] { host_.process_ended(pid_, status); });
}

// ---- By and by -----------------------------------------------------------------------------

void WrapperProcess::wake(Duration delay) {
  const SteadyTime when = scheduler().now() + delay;
  if (when >= pulse_at_) return;
  pulse_at_ = when;
  later(delay, [this, number = ++pulse_number_] {
    if (number == pulse_number_) pulse();
  });
}

void WrapperProcess::pulse() {
  pulse_at_ = SteadyTime::max();
  if (ending_ || node_ == nullptr) return;
  stirred_ = false;
  if (cluster_.pick(2) == 0) write_some();
  if (ending_) return;
  if (cluster_.pick(2) == 0) runs_.run_some();
  if (cluster_.pick(3) == 0) runs_.end_if_over();
  runs_.begin_if_wanted();
  node_->turn(clock());
  if (order_.writers.empty()) note_published();
  check_bounds();
  report(false);
  const bool busy = stirred_ || stored_.disk.waiting() > 0 || runs_.busy();
  if (busy) {
    wake(milliseconds(1 + cluster_.pick(10)));
  } else {
    // A source's program may have something at any time.
    const bool listens = runs_.running() && order_.writers.empty();
    wake(listens ? milliseconds(20 + cluster_.pick(60)) : core::Node::kTickInterval);
  }
}

void WrapperProcess::write_some() {
  LogDisk& disk = stored_.disk;
  if (host_.disk_slow && cluster_.pick(16) != 0) return;
  for (uint64_t i = 1 + cluster_.pick(4); i > 0 && disk.waiting() > 0; --i) {
    if (host_.disk == DiskState::kFull) {
      facts_.trouble = "the disk of its log is full";
      report(true);
      return end(wire::kExitAgain);
    }
    disk.write_next();
    node_->on_persisted();
  }
}

// What can be sent from now on is accepted: if nobody else has it, its log does.
void WrapperProcess::note_published() {
  const core::Lane& lane = node_->lane();
  while (true) {
    const Result<std::optional<wire::Block>> block = lane.block_at(next_noted_);
    if (!block) return cluster_.fail("a block does not read back: " + block.error().what);
    if (!block->has_value()) break;
    const wire::BlockHeader& header = (*block)->header;
    RecordId id = header.first_id();
    const SharedBytes payload = (*block)->payload();
    for (const uint64_t number : numbers_in(payload.view(), order_.node.protocol)) {
      stored_.accepted[id] = number;
      cluster_.checker().accepted(order_, number);
      ++id.seq;
    }
    next_noted_ = lane.next_after(**block);
  }
  RecordId settled = kAllRecords;
  for (size_t i = 0; i < order_.readers.size(); ++i) {
    settled = std::min(settled, node_->reader(i).settled());
  }
  stored_.settled = std::max(stored_.settled, settled);
}

void WrapperProcess::check_bounds() {
  for (size_t i = 0; i < order_.readers.size(); ++i) {
    // R7: what is outstanding stays under the credit and one block.
    const uint64_t outstanding = node_->reader(i).outstanding_bytes();
    if (outstanding >= kCreditBytes + cluster_.checker().largest_block()) {
      cluster_.fail(name() + " has " + std::to_string(outstanding) + " bytes outstanding");
    }
  }
  for (const core::Input& input : node_->inputs()) {
    if (input.inbox.bytes() >= kCreditBytes + cluster_.checker().largest_block()) {
      cluster_.fail(name() + " holds " + std::to_string(input.inbox.bytes()) + " bytes of " +
                    input.name);
    }
  }
  const uint64_t limit = order_.log_limit_bytes;
  if (node_->lane().log_bytes() > limit + 2 * cluster_.checker().largest_block() + kCreditBytes) {
    cluster_.fail(name() + " has a log of " + std::to_string(node_->lane().log_bytes()) +
                  " bytes, over its share of " + std::to_string(limit));
  }
}

void WrapperProcess::look_at_room() {
  constexpr uint64_t kLow = kDiskReserve * 3 / 4;
  constexpr uint64_t kOut = kDiskReserve / 8;
  core::Room room{kDiskReserve * 100, std::nullopt};
  if (host_.disk == DiskState::kLow) room.disk_bytes = kLow;
  if (host_.disk == DiskState::kOut || host_.disk == DiskState::kFull) room.disk_bytes = kOut;
  if (!gauge_.look(room)) return;
  node_->set_pressure(gauge_.pressure());
  facts_.trouble = gauge_.reason();
}

// ---- The agent -----------------------------------------------------------------------------

void WrapperProcess::report(bool always) {
  const bool due = scheduler().now() >= report_at_;
  if (due) {
    report_at_ = scheduler().now() + kReportEvery;
    look_at_room();
  }
  facts_.action_pid = runs_.running() ? pid_ + 1 : 0;
  const SteadyTime now = clock();
  if (!always && !due && reported_ &&
      !core::has_news(*node_, facts_, *reported_, now - reported_at_)) {
    return;
  }
  reported_ = core::make_report(*node_, facts_, now);
  reported_at_ = now;
  tell_agent(wire::WrapperReport{*reported_});
}

// Messages wait in the socket until an agent is there, up to some limit.
void WrapperProcess::tell_agent(wire::Message message) {
  constexpr size_t kKept = 8;
  to_agent_.push_back({"", std::move(message)});
  if (to_agent_.size() > kKept) to_agent_.pop_front();
  if (std::exchange(telling_, true)) return;
  later(kLocalDelay, [this] { pass_to_agent(); });
}

void WrapperProcess::pass_to_agent() {
  AgentProcess* const agent = host_.agent();
  if (agent == nullptr) return later(milliseconds(200), [this] { pass_to_agent(); });
  telling_ = false;
  for (const wire::Envelope& envelope : std::exchange(to_agent_, {})) {
    agent->from_wrapper(pid_, envelope);
  }
}

void WrapperProcess::from_agent(const wire::Envelope& envelope) {
  if (ending_ || node_ == nullptr) return;
  if (const auto* neighbours = std::get_if<wire::WrapperNeighbours>(&envelope.message)) {
    set_readers(neighbours->readers);
  } else if (const auto* notes = std::get_if<wire::NotesTaken>(&envelope.message)) {
    for (const wire::InstanceNotes& taken : notes->instances) {
      if (taken.boot == of_.boot) facts_.notes.taken(taken.number);
    }
  } else if (const auto* stop = std::get_if<wire::WrapperStop>(&envelope.message)) {
    cluster_.trace(name() + (stop->end ? " is to end its lane" : " is to stop"));
    if (!stop->end) return end(wire::kExitStopped);
    order_.end = true;
    node_->end_source();
  }
  stirred_ = true;
  wake(milliseconds(0));
}

// ---- Edges ---------------------------------------------------------------------------------

void WrapperProcess::set_readers(const std::vector<wire::ReaderOrder>& readers) {
  for (const size_t reader : endpoints_->move(readers)) connect(reader);
}

void WrapperProcess::connect(size_t reader) {
  if (links_[reader]) {
    links_[reader]->close();
    links_[reader].reset();
    node_->reader_disconnected(reader);
  }
  const std::string& endpoint = endpoints_->endpoint(reader);
  if (endpoint.empty()) return;
  links_[reader] = std::make_shared<EdgeLink>(cluster_, *this, reader, endpoint);
  links_[reader]->open();
  node_->reader_connected(reader);
}

void WrapperProcess::accept(const std::string& route, std::weak_ptr<EdgeLink> link) {
  routes_[route] = std::move(link);
}

void WrapperProcess::on_lane_message(const std::string& route, const EdgeMessage& message) {
  if (ending_ || node_ == nullptr) return;
  std::optional<edge::Frame> answer;
  if (const auto* block = std::get_if<wire::Block>(&message)) {
    const std::optional<size_t> input = listener_->input_of(route);
    const uint64_t before = node_->counters().bytes_in;
    answer = listener_->on_block({route, "", Peer::Role::kWriter}, *block);
    if (input && node_->counters().bytes_in != before) {
      cluster_.checker().taken(*this, *input, block->header, route);
    }
  } else {
    const auto& frame = std::get<edge::Frame>(message);
    answer = listener_->on_frame({route, "", Peer::Role::kWriter}, frame);
    if (const auto* hello = std::get_if<edge::Hello>(&frame); hello != nullptr && !answer) {
      cluster_.checker().met(route, *hello);
    }
  }
  if (answer) {
    const auto link = routes_.find(route);
    const auto alive = link == routes_.end() ? nullptr : link->second.lock();
    if (alive) alive->answer(*answer);
  }
  stirred_ = true;
  wake(milliseconds(cluster_.pick(3)));
}

void WrapperProcess::on_reader_frame(size_t reader, const edge::Frame& frame) {
  if (ending_ || node_ == nullptr) return;
  node_->on_reader_frame(reader, frame);
  stirred_ = true;
  wake(milliseconds(cluster_.pick(3)));
}

void WrapperProcess::break_some_link() {
  if (links_.empty()) return;
  if (const auto link = links_[cluster_.pick(links_.size())]) link->broke();
}

void WrapperProcess::kill_program(bool guard) {
  if (node_ != nullptr && !ending_) runs_.kill_program(guard);
}

// ---- core::Effects -------------------------------------------------------------------------

void WrapperProcess::to_writer(size_t input, const edge::Frame& frame) {
  if (const auto* welcome = std::get_if<edge::Welcome>(&frame)) {
    cluster_.checker().welcomed(*this, input, welcome->seen);
  }
  const auto link = routes_.find(listener_->route_of(input));
  if (link == routes_.end()) return;
  if (const auto alive = link->second.lock()) alive->answer(frame);
}

void WrapperProcess::to_reader(size_t reader, const edge::Frame& frame) {
  if (links_[reader]) (void)links_[reader]->send(frame);
}

bool WrapperProcess::block_to_reader(size_t reader, const wire::Block& block) {
  cluster_.checker().sent(block);
  return links_[reader] && links_[reader]->send(block);
}

void WrapperProcess::reconnect(size_t reader) {
  later(milliseconds(0), [this, reader] {
    if (node_ != nullptr && !ending_) connect(reader);
  });
}

void WrapperProcess::persist(wal::LogBatch batch, bool sync) {
  stored_.disk.submit(std::move(batch), sync);
}

void WrapperProcess::wake_at(core::SteadyTime when) {
  wake(std::max<Duration>(when - clock(), milliseconds(0)));
}

void WrapperProcess::note(std::string text) {
  cluster_.trace(name() + ": " + text);
  facts_.notes.add(std::move(text), clock());
}

void WrapperProcess::failed(std::string reason) {
  facts_.failure = reason;
  cluster_.fail(name() + " failed: " + reason);
}

void WrapperProcess::superseded(const Incarnation& by) {
  if (ending_) return;
  cluster_.trace(name() + " is superseded by " + std::to_string(by.term) + "." +
                 std::to_string(by.boot));
  if (by.term > of_.term) {
    cluster_.checker().fenced(order_, by.term);
    facts_.fenced_by = by.term;
    report(true);
    return end(wire::kExitFenced);
  }
  stored_.disk.submit(core::boot_floor_batch(by.boot), true);
  end(wire::kExitAgain);
}

}  // namespace weir::sim
