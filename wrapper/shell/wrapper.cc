#include "wrapper/shell/wrapper.h"

#include <sys/prctl.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "schema/base/files.h"
#include "schema/base/log.h"
#include "wrapper/core/log_entries.h"
#include "wrapper/core/sole_copy.h"
#include "wrapper/inspect/questions.h"
#include "wrapper/shell/host_room.h"
#include "wrapper/shell/opened_log.h"
#include "wrapper/shell/own_log.h"

namespace weir::shell {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How long a wrapper that was killed may take to let go of its log.
constexpr auto kLockWait = seconds(20);
constexpr auto kStopWait = seconds(15);

std::string said(const Error& error) {
  return (error.code == ErrorCode::kLimit ? "the disk of its log is full: " : "") + error.what;
}

// Of a wrapper that could not begin.
int exit_status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kTimeout:
    case ErrorCode::kLimit:
    case ErrorCode::kIo:
      return wire::kExitAgain;
    case ErrorCode::kCorrupt:
      return wire::kExitDamaged;
    default:
      return wire::kExitBadOrder;
  }
}

}  // namespace

Wrapper::Wrapper(wire::StartOrder order, WrapperOptions options)
    : order_(std::move(order)),
      options_(std::move(options)),
      gauge_(options_.reserves),
      context_(1) {}

Wrapper::~Wrapper() {
  // Callbacks into the node end before the node does.
  writer_.reset();
  program_.reset();
  edges_.reset();
  if (agent_) loop_.unwatch(agent_watch_);
}

int Wrapper::run() {
  if (Status opened = open(); !opened) {
    log::error(said(opened.error()));
    return exit_status_of(opened.error().code);
  }
  loop_.run();
  return exit_status_;
}

Status Wrapper::open() {
  if (Status opened = open_log(); !opened) return opened;
  Program::Events events;
  events.output_space = [this] { return node_->output_space(); };
  events.on_output = [this](size_t bytes) { node_->on_output(bytes); };
  events.on_fed = [this](size_t bytes) { node_->on_fed(bytes); };
  events.on_stdin_broken = [this] { node_->on_stdin_broken(); };
  events.on_run_end = [this](const core::RunEnd& end) { node_->on_run_end(end); };
  events.on_begun = [this](const std::string& why) {
    if (why == facts_.program_trouble) return;
    facts_.program_trouble = why;
    if (!why.empty()) note("its program cannot be started: " + why + "; tried again");
  };
  events.on_held_open = [this](const std::string& who) {
    facts_.program_trouble.clear();
    if (who.empty()) return;
    facts_.program_trouble = "its program has ended, but " + who +
                             " still has its standard output: the run is over when that is closed";
    note(facts_.program_trouble);
  };
  events.on_guard_gone = [this] { stopping_ ? finish() : shut_down(wire::kExitAgain); };
  std::vector<int> keep = options_.keep_fds;
  if (options_.lifeline_fd >= 0) keep.push_back(options_.lifeline_fd);
  program_ =
      std::make_unique<Program>(loop_, order_, keep, options_.programs_umask, std::move(events));
  if (!order_.node.caller_stdin) {
    if (Status started = program_->start_guard(); !started) return started;
  }
  Result<LaneEndpoints> endpoints = edges_->open(*node_, order_);
  if (!endpoints) return std::move(endpoints).error();
  facts_.endpoint = std::move(endpoints->local);
  facts_.remote_endpoint = std::move(endpoints->remote);
  facts_.pid = getpid();
  if (Status connected = connect_agent(); !connected) return connected;
  if (options_.lifeline_fd >= 0) {
    loop_.watch_fd(options_.lifeline_fd, runtime::Interest::kRead,
                   [this](runtime::Ready) { shut_down(wire::kExitStopped); });
  }
  auto signals = runtime::SignalWatch::create(loop_, {SIGTERM},
                                              [this](int) { shut_down(wire::kExitStopped); });
  if (!signals) return std::move(signals).error();
  signals_.emplace(*std::move(signals));
  loop_.every(core::Node::kTickInterval, [] {});  // A turn, for what the node does by the clock.
  look_at_room();
  loop_.every(seconds(1), [this] {
    look_at_room();
    program_->look_who_holds();
    report(true);
    rotate_own_log(options_.log_file);
  });
  edges_->set_readers(order_.readers);
  node_->start(std::chrono::steady_clock::now());
  loop_.on_turn_end([this] { on_turn_end(); });
  return {};
}

Status Wrapper::open_log() {
  std::error_code failure;
  std::filesystem::create_directories(order_.log_dir, failure);
  if (failure) return errno_error("log " + order_.log_dir, failure.value());
  const std::string lock_path = order_.log_dir + "/wrapper.lock";
  auto lock = options_.lock_fd >= 0 ? runtime::FileLock::inherited(options_.lock_fd, lock_path)
                                    : runtime::FileLock::acquire_within(lock_path, kLockWait);
  if (!lock) return std::move(lock).error().in("another wrapper has this log");
  lock_.emplace(*std::move(lock));
  Result<OpenedLog> stored =
      open_log_of(order_, [this](std::string text) { note(std::move(text)); });
  if (!stored) return std::move(stored).error();
  log_ = std::move(stored->log);
  const core::LogState& state = stored->state;
  Result<uint64_t> nonce = random_number();
  if (!nonce) return std::move(nonce).error();
  of_ = core::next_incarnation(state, order_.term);
  of_.boot = std::max(of_.boot, kept_boot(order_) + 1);
  of_.nonce = *nonce;
  keep_boot(order_, of_.boot);
  writer_ = std::make_unique<WalWriter>(
      loop_, *log_,
      [this](size_t written) {
        // The node has not asked for the last of these batches.
        if (superseded_) return;
        for (size_t i = 0; i < written; ++i) node_->on_persisted();
      },
      [this](const Error& error) { log_failed(error); });
  edges_ = std::make_unique<Edges>(loop_, context_);
  node_ = std::make_unique<core::Node>(core::NodeConfig{order_, of_, core::credit_of(order_.node)},
                                       *log_, state, static_cast<core::Effects&>(*this));
  return {};
}

Status Wrapper::connect_agent() {
  if (order_.agent_endpoint.empty()) return {};
  runtime::SocketOptions options;
  options.message_bytes_max = static_cast<int64_t>(wire::kControlMessageBytesMax);
  Result<runtime::ZmqSocket> socket = runtime::ZmqSocket::dealer(context_, options);
  if (!socket) return std::move(socket).error();
  agent_.emplace(*std::move(socket));
  if (Status connected = agent_->connect(order_.agent_endpoint); !connected) return connected;
  agent_watch_ = loop_.watch_socket(*agent_, [this] { on_agent_message(); });
  const wire::WrapperHello hello{order_.pipeline, order_.node.name, order_.instance,
                                 order_.term,     getpid(),         order_.drained_term};
  const Result<std::string> bytes = wire::encode({"", hello});
  if (!bytes) return bytes.error();
  (void)agent_->send({std::string_view(*bytes)});
  return {};
}

void Wrapper::on_agent_message() {
  std::vector<runtime::Message> parts;
  while (agent_) {
    const Result<bool> got = agent_->receive(parts);
    if (!got || !*got || parts.empty()) return;
    const Result<wire::Envelope> envelope = wire::decode(parts.back().view());
    if (!envelope) {
      log::warn("a message of the agent is refused: " + envelope.error().what);
      continue;
    }
    if (const auto* neighbours = std::get_if<wire::WrapperNeighbours>(&envelope->message)) {
      edges_->set_readers(neighbours->readers);
    } else if (const auto* stop = std::get_if<wire::WrapperStop>(&envelope->message)) {
      if (!stop->end) return shut_down(wire::kExitStopped);
      node_->end_source();
    } else if (const auto* notes = std::get_if<wire::NotesTaken>(&envelope->message)) {
      for (const wire::InstanceNotes& taken : notes->instances) {
        if (taken.boot == of_.boot) facts_.notes.taken(taken.number);
      }
    } else if (const auto* read = std::get_if<wire::DeadRead>(&envelope->message)) {
      answer_agent(envelope->request, answer_dead(*read));
    } else if (const auto* change = std::get_if<wire::DeadChange>(&envelope->message)) {
      change_dead(envelope->request, *change);
    }
  }
}

void Wrapper::look_at_room() {
  unlooked_bytes_ = 0;
  if (!gauge_.look(room_of(order_.log_dir, options_.memory_file))) return;
  node_->set_pressure(gauge_.pressure());
  facts_.trouble = gauge_.reason();
  note(facts_.trouble.empty() ? "there is room again: goes on" : facts_.trouble);
}

void Wrapper::answer_agent(const std::string& request, const wire::Message& answer) {
  if (!agent_) return;
  const Result<std::string> bytes = wire::encode({request, answer});
  if (bytes) (void)agent_->send({std::string_view(*bytes)});
}

wire::Message Wrapper::answer_dead(const wire::DeadRead& question) const {
  Result<wire::DeadData> data = inspect::answer(
      *log_, question, [this](uint64_t number) { return node_->dead().is_retried(number); });
  if (!data) return wire::refusal(data.error());
  return *std::move(data);
}

void Wrapper::change_dead(const std::string& request, const wire::DeadChange& question) {
  const auto done = [this, request, question](uint64_t letters) {
    answer_agent(request, wire::DeadChanged{question.instance, letters, node_->dead().count()});
  };
  Result<uint64_t> letters = uint64_t{0};
  if (question.action == wire::DeadAction::kRetry) {
    letters = node_->retry_dead(question.ids);
    if (letters) done(*letters);
  } else {
    const auto count = std::make_shared<uint64_t>(0);
    letters = node_->drop_dead(question.ids, [done, count] { done(*count); });
    if (letters) *count = *letters;
  }
  if (!letters) answer_agent(request, wire::refusal(letters.error()));
}

void Wrapper::on_turn_end() {
  if (stopping_) return;
  node_->turn(loop_.now());
  // What the program takes at once makes room for more: acknowledged in the same turn.
  if (program_->flush()) {
    node_->turn(loop_.now());
    program_->flush();
  }
  program_->resume_output();
  report(false);
}

// Once a second, and at once when something changed that somebody waits for.
void Wrapper::report(bool always) {
  if (!agent_ || !node_) return;
  facts_.action_pid = program_->pid();
  const runtime::SteadyTime now = loop_.now();
  facts_.notes.tick(now);
  if (!always && reported_ && !core::has_news(*node_, facts_, *reported_, now - reported_at_)) {
    return;
  }
  reported_ = core::make_report(*node_, facts_, now);
  reported_at_ = now;
  const Result<std::string> bytes = wire::encode({"", wire::WrapperReport{*reported_}});
  if (bytes) (void)agent_->send({std::string_view(*bytes)});
}

// Kills the program's tree first, then goes. No lane is ended by this (R8).
void Wrapper::shut_down(int exit_status) {
  if (stopping_) return;
  stopping_ = true;
  exit_status_ = exit_status;
  if (order_.node.caller_stdin) return finish();
  program_->stop();
  loop_.after(kStopWait, [this] { finish(); });
}

void Wrapper::finish() { loop_.stop(); }

// ---- core::Effects

void Wrapper::to_writer(size_t input, const edge::Frame& frame) { edges_->to_writer(input, frame); }
void Wrapper::to_reader(size_t reader, const edge::Frame& frame) {
  edges_->to_reader(reader, frame);
}
bool Wrapper::block_to_reader(size_t reader, const wire::Block& block) {
  return edges_->block_to_reader(reader, block);
}
void Wrapper::reconnect(size_t reader) {
  loop_.post([this, reader] { edges_->give_up(reader); });
}
void Wrapper::persist(wal::LogBatch batch, bool sync) {
  // A fast program may use up a small reserve between two looks at the clock.
  unlooked_bytes_ += batch.bytes();
  const uint64_t reserve = options_.reserves.disk_bytes;
  if (reserve > 0 && unlooked_bytes_ > reserve / 32) look_at_room();
  writer_->submit(std::move(batch), sync);
}
void Wrapper::start_run(const core::RunOrder& order) { program_->start_run(order); }
void Wrapper::feed(const SharedBytes& bytes) { program_->feed(bytes); }
void Wrapper::close_stdin() {
  program_->close_stdin();
  loop_.post([] {});
}
void Wrapper::close_stdout() {
  loop_.post([this] { program_->close_stdout(); });
}
void Wrapper::kill_run() { program_->kill_run(); }
void Wrapper::terminate_run() { program_->terminate_run(); }
bool Wrapper::run_waits() { return program_->run_waits(); }
size_t Wrapper::run_unread_bytes() { return program_->unread_bytes(); }
uint64_t Wrapper::run_cpu_ticks() { return program_->cpu_ticks(); }
uint64_t Wrapper::unix_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(now).count());
}
void Wrapper::keep_output(const SharedBytes& bytes) {
  if (!output_) output_.emplace(order_.stdout_file);
  output_->append(bytes.view());
}
void Wrapper::wake_at(core::SteadyTime when) {
  const auto wait = when - std::chrono::steady_clock::now();
  loop_.after(std::max(wait, runtime::Duration(milliseconds(0))), [] {});
}

void Wrapper::note(std::string text) {
  log::info(text);
  facts_.notes.add(std::move(text), std::chrono::steady_clock::now());
}

void Wrapper::failed(std::string reason) {
  log::error(reason);
  facts_.failure = std::move(reason);
}

// The tail of the log is unknown now, or what it holds is not what was written: nothing more is
// accepted. It is opened anew, by another process.
void Wrapper::log_failed(const Error& error) {
  const bool damaged = error.code == ErrorCode::kCorrupt;
  const bool final = damaged && core::is_sole_copy(order_);
  if (damaged && !final) {
    if (Status told = condemn_log(order_, error.what); !told) log::error(told.error().what);
  }
  if (final) {
    failed(damaged_sole_copy(order_, error).what);
  } else {
    facts_.trouble = said(error);
    log::error(facts_.trouble);
  }
  report(true);
  exit_status_ = final ? wire::kExitDamaged : wire::kExitAgain;
  loop_.stop();
}

void Wrapper::superseded(const Incarnation& by) {
  if (by.term > of_.term) {
    log::error("fenced out: term " + std::to_string(by.term) + " is at work, this one is " +
               std::to_string(of_.term));
    facts_.fenced_by = by.term;
    return loop_.post([this] {
      report(true);
      shut_down(wire::kExitFenced);
    });
  }
  if (std::exchange(superseded_, true)) return;
  log::warn("a later boot of this log is known (" + std::to_string(by.boot) + ", this one is " +
            std::to_string(of_.boot) + "): an old copy was restored; begins again above it");
  writer_->submit(core::boot_floor_batch(by.boot), true);
  loop_.post([this] { shut_down(wire::kExitAgain); });
}

}  // namespace weir::shell
