#include "test/sim/world.h"

#include <algorithm>
#include <variant>

#include "test/sim/log_disk.h"
#include "wrapper/core/log_entries.h"
#include "wrapper/wal/keys.h"

namespace weir::sim {

using std::chrono::milliseconds;

namespace {

constexpr uint64_t kOperatorSteps = 20'000;  // Nobody has patience without end.

using EdgeMessage = std::variant<edge::Frame, wire::Block>;

std::string node_name(const graph::NodeSpec& spec) { return spec.name + ".0"; }

}  // namespace

// One connection between a writer and its reader; what is under way in each direction.
struct World::Link {
  size_t writer = 0;
  size_t reader_index = 0;       // Among the writer's readers.
  std::optional<size_t> reader;  // A host, or
  std::optional<size_t> sink;    // a sink's reader.
  size_t input_index = 0;
  uint64_t connection = 0;  // Raised when it is made anew.
  uint64_t route = 0;       // The connection that the reader answers to; 0: none.
  bool up = false;
  std::deque<EdgeMessage> to_reader;
  std::deque<EdgeMessage> to_writer;
};

// A wrapper and its log.
class World::Host : public core::Effects {
 public:
  Host(World& world, size_t index)
      : world_(world), index_(index), runs_(world, world.plan_.nodes[index], past_, order_) {
    make_order();
  }

  void start() {
    world_.trace(order_.node.name + " starts");
    const Result<core::LogState> state = core::load(disk_.log());
    if (!state) return world_.fail("log does not load: " + state.error().what);
    order_.term = term_;
    const Incarnation of{term_, core::next_boot(*state), world_.random_() | 1};
    node_ = std::make_unique<core::Node>(core::NodeConfig{order_, of, 4096}, disk_.log(), *state,
                                         *this);
    runs_.attach(node_.get());
    node_->start(world_.now_);
    disk_.keep_copy();
  }

  void crash(bool lose_unsynced) {
    world_.trace(order_.node.name + (lose_unsynced ? " power cut" : " crashes"));
    runs_.attach(nullptr);
    node_.reset();
    // Batches that were handed over but not written are gone; how many were written is chance.
    disk_.stop_writing(world_.pick(disk_.waiting() + 1));
    if (lose_unsynced) {
      if (disk_.unsynced() > 0) world_.logs_lost_ = true;
      disk_.lose_unsynced(world_.pick(disk_.unsynced() + 1));
    }
  }

  void restore_old_copy() {
    crash(false);
    disk_.restore(world_.pick(disk_.copies()));
    world_.logs_lost_ = true;
  }

  void replace() {
    crash(false);
    disk_.wipe();
    ++term_;
    world_.logs_lost_ = true;
  }

  // `stop --end`: known to this wrapper, if it is up, and to all that follow.
  void end_source() {
    world_.trace(order_.node.name + " is to end");
    order_.end = true;
    if (node_) node_->end_source();
  }

  std::vector<uint64_t> dead_letters() const {
    std::vector<uint64_t> numbers;
    (void)disk_.log().scan(wal::key(wal::kDead), wal::key_end(wal::kDead),
                           [&](std::string_view, std::string_view value) {
                             const auto letter = core::decode_dead_letter(value);
                             if (!letter) world_.fail("a dead letter does not decode");
                             numbers.push_back(letter ? std::stoull(letter->bytes) : 0);
                             return true;
                           });
    return numbers;
  }

  void retry_dead() {
    const Result<uint64_t> asked = node_->retry_dead({});
    if (!asked && asked.error().code != ErrorCode::kConflict) world_.fail(asked.error().what);
    if (asked && *asked > 0) world_.trace(order_.node.name + " is to retry its dead letters");
  }

  // One of them, by its id.
  void drop_dead() {
    const auto numbers = node_->dead().named({}, 0);
    if (!numbers) return world_.fail(numbers.error().what);
    if (numbers->empty()) return;
    const uint64_t number = (*numbers)[world_.pick(numbers->size())];
    const auto letter = node_->dead().read(number);
    if (!letter || !letter->has_value()) return world_.fail("a dead letter that is listed is gone");
    const std::pair<size_t, uint64_t> of{index_, std::stoull((*letter)->bytes)};
    ++world_.drops_asked_[of];
    world_.trace(order_.node.name + " is to drop dead letter " + std::to_string(number));
    const Result<uint64_t> dropped =
        node_->drop_dead({core::dead_letter_id(0, (*letter)->term, number)},
                         [this, of] { ++world_.drops_done_[of]; });
    if (!dropped || *dropped != 1) world_.fail("a dead letter cannot be dropped");
  }

  bool outage_over() const {
    const Ills& ills = world_.plan_.nodes[index_].ills;
    return ills.outage_for.count() == 0 ||
           (past_.outage && world_.now_ >= *past_.outage + ills.outage_for);
  }

  bool up() const { return node_ != nullptr; }
  core::Node& node() { return *node_; }
  const core::Node& node() const { return *node_; }
  const wire::StartOrder& order() const { return order_; }
  const NodePast& past() const { return past_; }
  std::vector<size_t>& inputs() { return inputs_; }    // Links.
  std::vector<size_t>& readers() { return readers_; }  // Links.
  bool runs() const { return runs_.running(); }
  void kill_program(bool guard) { runs_.kill_program(guard); }

  // One thing that the surroundings of a wrapper may do now, chosen by chance; then its turn.
  void step() {
    switch (world_.pick(6)) {
      case 0:
        write_some();
        break;
      case 1:
      case 2:
        runs_.run_some();
        break;
      case 3:
        runs_.end_if_over();
        break;
      default:
        break;
    }
    runs_.begin_if_wanted();
    if (again_) {
      again_ = false;
      return crash(false);
    }
    if (node_) node_->turn(world_.now_);
  }

  // ---- core::Effects

  void to_writer(size_t input, const edge::Frame& frame) override {
    Link& link = *world_.links_[inputs_[input]];
    if (link.up) link.to_writer.push_back(frame);
  }
  void to_reader(size_t reader, const edge::Frame& frame) override {
    Link& link = *world_.links_[readers_[reader]];
    if (link.up) link.to_reader.push_back(frame);
  }
  bool block_to_reader(size_t reader, const wire::Block& block) override {
    Link& link = *world_.links_[readers_[reader]];
    if (!link.up || link.to_reader.size() > 50) return false;
    link.to_reader.push_back(block);
    return true;
  }
  void reconnect(size_t reader) override {
    ++world_.given_up_;
    world_.drop_link(*world_.links_[readers_[reader]]);
  }
  void persist(wal::LogBatch batch, bool sync) override { disk_.submit(std::move(batch), sync); }
  void start_run(const core::RunOrder& order) override { runs_.start(order); }
  void feed(const SharedBytes& bytes) override { runs_.feed(bytes); }
  void close_stdin() override { runs_.close_stdin(); }
  void close_stdout() override { runs_.close_stdout(); }
  void kill_run() override { runs_.kill(); }
  void terminate_run() override { runs_.terminate(); }
  uint64_t run_cpu_ticks() override { return runs_.cpu_ticks(); }
  void keep_output(const SharedBytes&) override { world_.fail("a sink's output went to a file"); }
  void wake_at(core::SteadyTime) override {}
  void note(std::string text) override { world_.trace(order_.node.name + ": " + text); }
  void failed(std::string reason) override { world_.fail(order_.node.name + " failed: " + reason); }
  void superseded(const Incarnation& by) override {
    if (by.term > term_) return world_.fail("fenced by a term that nobody gave");
    disk_.submit(core::boot_floor_batch(by.boot), true);
    disk_.stop_writing(disk_.waiting());
    again_ = true;
  }

 private:
  void make_order() {
    const Plan& plan = world_.plan_;
    order_.pipeline = "sim";
    order_.node = plan.nodes[index_].spec;
    order_.log_limit_bytes = plan.log_limit_bytes;
    for (const auto& [from, to] : plan.edges) {
      if (to == index_) order_.writers.push_back(node_name(plan.nodes[from].spec));
      if (from == index_) order_.readers.push_back({node_name(plan.nodes[to].spec), ""});
    }
    if (order_.readers.empty()) {
      order_.sink = true;
      order_.readers.push_back({"weirctl.0", ""});
    }
  }

  void write_some() {
    for (uint64_t i = world_.pick(4); i > 0 && disk_.waiting() > 0; --i) {
      disk_.write_next();
      if (node_) node_->on_persisted();
    }
  }

  World& world_;
  size_t index_;
  wire::StartOrder order_;
  uint64_t term_ = 1;
  LogDisk disk_;
  NodePast past_;
  std::unique_ptr<core::Node> node_;
  Runs runs_;
  bool again_ = false;
  std::vector<size_t> inputs_;
  std::vector<size_t> readers_;
};

// Reads one sink's lane, as weirctl does: what it has written is settled.
class World::Sink {
 public:
  Sink(const std::string& from, size_t link)
      : link_(link), reader_({"sim", from, "weirctl.0"}, 4096, {}) {}

  void on_message(World& world, const EdgeMessage& message) {
    if (const auto* block = std::get_if<wire::Block>(&message)) return on_block(*block);
    const auto& frame = std::get<edge::Frame>(message);
    Link& link = *world.links_[link_];
    if (const auto* hello = std::get_if<edge::Hello>(&frame)) {
      const auto meeting = reader_.on_hello(*hello);
      if (meeting.refuse) {
        link.to_writer.push_back(edge::Frame(*meeting.refuse));
      } else {
        link.to_writer.push_back(edge::Frame(reader_.welcome()));
      }
    } else if (const auto* begin = std::get_if<edge::Begin>(&frame)) {
      (void)reader_.on_begin(*begin);
    } else if (const auto* ping = std::get_if<edge::Ping>(&frame)) {
      if (reader_.on_ping(*ping) && !(ended_ && reader_.open())) ask_ = true;
    }
    if (ask_) {
      ask_ = false;
      link.to_writer.push_back(edge::Frame(reader_.welcome()));
    }
    if (reader_.open()) link.to_writer.push_back(edge::Frame(reader_.ack()));
  }

  void step(World& world) {
    Link& link = *world.links_[link_];
    if (reader_.open() && link.up && link.to_writer.size() < 5) {
      link.to_writer.push_back(edge::Frame(reader_.ack()));
    }
  }

  bool ended() const { return ended_; }
  const std::string& output() const { return output_; }

 private:
  void on_block(const wire::Block& block) {
    if (ended_) return;
    const auto taking = reader_.on_block(block.header);
    if (taking.verdict == edge::EdgeReader::Verdict::kAsk) ask_ = true;
    if (taking.verdict != edge::EdgeReader::Verdict::kTake) return;
    inbox_.push(block, taking.skip_pieces);
    while (std::optional<core::Portion> portion = inbox_.take_block()) {
      output_.append(portion->bytes.view());
      reader_.set_taken(portion->last);
      reader_.set_settled(portion->last);
      if (!portion->is_end()) continue;
      ended_ = true;
      reader_.set_ended();
      reader_.set_settled(kEverything);
    }
  }

  size_t link_;
  edge::EdgeReader reader_;
  core::Inbox inbox_;
  std::string output_;
  bool ended_ = false;
  bool ask_ = false;
};

World::World(uint64_t seed, Plan plan, Faults faults)
    : random_(seed), plan_(std::move(plan)), faults_(faults) {
  now_ += std::chrono::hours(1);
  for (const NodePlan& node : plan_.nodes) trace(describe(node));
  sinks_.resize(plan_.nodes.size());
  for (size_t i = 0; i < plan_.nodes.size(); ++i)
    hosts_.push_back(std::make_unique<Host>(*this, i));
  const auto add = [&](size_t from, std::optional<size_t> to) {
    auto link = std::make_unique<Link>();
    link->writer = from;
    link->reader_index = hosts_[from]->readers().size();
    link->reader = to;
    const size_t number = links_.size();
    hosts_[from]->readers().push_back(number);
    if (to) {
      link->input_index = hosts_[*to]->inputs().size();
      hosts_[*to]->inputs().push_back(number);
    } else {
      link->sink = from;
      sinks_[from] = std::make_unique<Sink>(node_name(plan_.nodes[from].spec), number);
    }
    links_.push_back(std::move(link));
  };
  for (const auto& [from, to] : plan_.edges) add(from, to);
  for (size_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i]->order().sink) add(i, std::nullopt);
  }
}

World::~World() = default;

void World::fail(std::string why) {
  if (why_.empty()) why_ = std::move(why);
}

const std::string& World::output(size_t node) const { return sinks_[node]->output(); }

std::vector<uint64_t> World::dead_letters(size_t node) const {
  return hosts_[node]->dead_letters();
}

uint64_t World::count_in(const Counts& counts, size_t node, uint64_t record) {
  const auto found = counts.find({node, record});
  return found == counts.end() ? 0 : found->second;
}

uint64_t World::hurt(size_t node, uint64_t record) const {
  const auto& hurt = hosts_[node]->past().hurt;
  const auto found = hurt.find(record);
  return found == hurt.end() ? 0 : found->second;
}

uint64_t World::drops_asked(size_t node, uint64_t record) const {
  return count_in(drops_asked_, node, record);
}

uint64_t World::drops_done(size_t node, uint64_t record) const {
  return count_in(drops_done_, node, record);
}

// Somebody looks at the dead letters of a node.
void World::operate() {
  Host& host = *hosts_[pick(hosts_.size())];
  if (!host.up()) return;
  if (plan_.drops && pick(3) == 0) {
    host.drop_dead();
  } else {
    host.retry_dead();
  }
}

std::vector<std::string> World::lines(size_t node) const {
  std::vector<std::string> lines;
  std::string line;
  for (const char c : output(node)) {
    if (c == '\n') {
      lines.push_back(std::exchange(line, {}));
    } else {
      line.push_back(c);
    }
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

void World::drop_link(Link& link) {
  link.up = false;
  link.to_reader.clear();
  link.to_writer.clear();
  link.route = 0;
  if (hosts_[link.writer]->up()) hosts_[link.writer]->node().reader_disconnected(link.reader_index);
}

void World::deliver(Link& link, bool to_reader) {
  std::deque<EdgeMessage>& queue = to_reader ? link.to_reader : link.to_writer;
  if (queue.empty()) return;
  if (!healed_ && queue.size() > 1 && chance(faults_.message_swap)) std::swap(queue[0], queue[1]);
  EdgeMessage message = queue.front();
  if (healed_ || !chance(faults_.message_repeat)) queue.pop_front();
  if (!healed_ && chance(faults_.message_loss)) {
    ++faults_done_;
    return;
  }
  if (to_reader && link.sink) return sinks_[*link.sink]->on_message(*this, message);
  const size_t target = to_reader ? *link.reader : link.writer;
  if (!hosts_[target]->up()) return;
  core::Node& node = hosts_[target]->node();
  const auto* block = std::get_if<wire::Block>(&message);
  if (!to_reader) {
    node.on_reader_frame(link.reader_index, std::get<edge::Frame>(message));
  } else if (block == nullptr) {
    const auto& frame = std::get<edge::Frame>(message);
    if (const auto* hello = std::get_if<edge::Hello>(&frame)) {
      if (const auto refuse = node.on_hello(link.input_index, *hello, {})) {
        link.to_writer.push_back(edge::Frame(*refuse));
      } else {
        link.route = link.connection;
      }
    } else if (link.route == link.connection) {
      node.on_writer_frame(link.input_index, frame);
    } else {
      link.to_writer.push_back(edge::Frame(edge::Reset{}));
    }
  } else if (link.route == link.connection) {
    // Over a real socket the bytes are checked again.
    Result<wire::Block> decoded = wire::decode_block(block->bytes);
    if (!decoded) return fail("a block does not decode: " + decoded.error().what);
    node.on_block(link.input_index, *std::move(decoded));
  } else {
    link.to_writer.push_back(edge::Frame(edge::Reset{}));
  }
}

void World::inject() {
  Host& host = *hosts_[pick(hosts_.size())];
  Link& link = *links_[pick(links_.size())];
  const bool lossy = host.up() && !host.order().writers.empty();
  const auto lose_links = [&] {
    for (const size_t each : host.inputs()) drop_link(*links_[each]);
    for (const size_t each : host.readers()) {
      links_[each]->up = false;
      links_[each]->to_reader.clear();
      links_[each]->to_writer.clear();
    }
  };
  const uint64_t before = faults_done_;
  if (host.up() && chance(faults_.crash)) ++faults_done_, host.crash(false);
  if (host.up() && chance(faults_.power_cut)) ++faults_done_, host.crash(true);
  if (lossy && host.up() && chance(faults_.old_copy)) ++faults_done_, host.restore_old_copy();
  if (lossy && host.up() && chance(faults_.replace)) ++faults_done_, host.replace();
  if (faults_done_ != before) lose_links();
  if (chance(faults_.link_drop)) ++faults_done_, drop_link(link);
  if (host.up() && host.runs() && chance(faults_.program_kill))
    ++faults_done_, host.kill_program(false);
  if (host.up() && host.runs() && chance(faults_.guard_loss))
    ++faults_done_, host.kill_program(true);
}

void World::step() {
  now_ += milliseconds(1 + pick(20));
  ++steps_;
  if (!healed_) inject();
  if (steps_ < kOperatorSteps && chance(plan_.operator_acts)) operate();
  for (auto& link : links_) {
    if (link->up || !hosts_[link->writer]->up()) continue;
    if (link->reader && !hosts_[*link->reader]->up()) continue;
    if (pick(4) != 0) continue;
    link->up = true;
    ++link->connection;
    hosts_[link->writer]->node().reader_connected(link->reader_index);
  }
  for (auto& host : hosts_) {
    if (!host->up()) {
      if (pick(8) == 0) host->start();
    } else if (pick(2) == 0) {
      host->step();
      if (!host->up()) {
        for (const size_t each : host->inputs()) drop_link(*links_[each]);
        for (const size_t each : host->readers()) links_[each]->up = false;
      }
    }
  }
  for (auto& link : links_) {
    if (!link->up) continue;
    for (uint64_t i = pick(4); i > 0; --i) deliver(*link, pick(2) == 0);
  }
  for (auto& sink : sinks_) {
    if (sink && pick(8) == 0) sink->step(*this);
  }
}

bool World::outages_are_over() const {
  return std::all_of(hosts_.begin(), hosts_.end(),
                     [](const auto& host) { return host->outage_over(); });
}

bool World::finished() const {
  for (const auto& host : hosts_) {
    if (!host->up()) return false;
    if (host->order().sink && !host->node().ended_and_settled()) return false;
  }
  return true;
}

void World::heal() { healed_ = true; }

bool World::run(uint64_t steps) {
  for (uint64_t i = 0; i < steps && why_.empty(); ++i) {
    if (i > 0 && i == plan_.end_sources_at) {
      for (auto& host : hosts_) {
        if (host->order().writers.empty()) host->end_source();
      }
    }
    step();
  }
  heal();
  for (uint64_t i = 0; i < 400'000 && why_.empty(); ++i) {
    if (i % 64 == 0 && finished()) return true;
    step();
  }
  if (why_.empty()) {
    why_ = "it does not come to an end:";
    for (const auto& host : hosts_) {
      why_ += " " + host->order().node.name;
      if (!host->up()) {
        why_ += " down;";
        continue;
      }
      const core::Node& node = host->node();
      why_ += node.ended() ? " ended" : " runs";
      why_ += " (" + node.runner_state() + ")";
      why_ += node.ended_and_settled() ? " settled" : "";
      why_ += " published " + to_string(node.lane().published_id());
      for (size_t i = 0; i < node.order().readers.size(); ++i) {
        why_ += " reader at " + to_string(node.reader(i).cursor()) +
                (node.reader(i).streaming() ? " streaming" : " not streaming") + " settled " +
                to_string(node.reader(i).settled());
      }
      for (const core::Input& input : node.inputs()) {
        why_ += " input " + input.name + " at " + to_string(input.reader.received()) +
                " consumed " + to_string(input.consumed) +
                (input.reader.open() ? " open" : " closed");
      }
      why_ += ";";
    }
  }
  return false;
}

}  // namespace weir::sim
