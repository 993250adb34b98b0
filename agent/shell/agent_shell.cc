#include "agent/shell/agent_shell.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "agent/shell/eraser.h"
#include "agent/shell/files.h"
#include "agent/shell/host_boot.h"
#include "agent/shell/log_reader.h"
#include "schema/base/failpoint.h"
#include "schema/base/log.h"
#include "schema/base/log_share.h"
#include "schema/base/own_folder.h"
#include "schema/config/local_sockets.h"
#include "schema/runtime/process_tree.h"

namespace weir::agent {
namespace {

using std::chrono::milliseconds;

constexpr auto kLockLimit = milliseconds(5000);       // The agent before us may be ending.
constexpr auto kInOrderLimit = milliseconds(20'000);  // SIGTERM: until wrappers are killed.
constexpr auto kAtOnceLimit = milliseconds(5000);     // Lifeline: likewise.
constexpr auto kKilledLimit = milliseconds(2000);     // For what was killed to be gone.
constexpr auto kEndPoll = milliseconds(10);
constexpr auto kInheritedPoll = milliseconds(1000);
constexpr auto kDialLimit = milliseconds(3000);
constexpr auto kDialPauseFirst = milliseconds(5);
constexpr auto kDialPauseMax = milliseconds(1000);
constexpr int kMessagesPerTurn = 256;  // Then the timers and signals have their turn.
constexpr int64_t kSocketSlackBytes = 1 << 16;

runtime::SocketOptions socket_options() {
  runtime::SocketOptions options;
  options.message_bytes_max =
      static_cast<int64_t>(wire::kControlMessageBytesMax) + kSocketSlackBytes;
  return options;
}

Status make_all_folders(const Layout& layout) {
  if (auto fits = layout.check(); !fits) return fits;
  // What is in the sockets' folder has no other protection either.
  for (const std::string& folder : {layout.data_dir, layout.orders_dir(), layout.run_dir}) {
    if (auto made = make_own_folder(folder); !made) return made;
  }
  // Logs may be on a disk of their own, whose folder is not made here: it may not be mounted.
  Status logs = check_own_folder(layout.wal_dir());
  return !logs && logs.error().code == ErrorCode::kNotFound ? Status() : logs;
}

std::string log_path(const Layout& layout, const wire::LogRead& read) {
  switch (read.kind) {
    case wire::LogKind::kStderr:
      return layout.stderr_file(read.instance);
    case wire::LogKind::kStdout:
      return layout.stdout_file(read.instance);
    case wire::LogKind::kWrapper:
      return layout.wrapper_log(read.instance);
  }
  return {};
}

wire::Message answer_log_read(const Layout& layout, const ReadLog& read) {
  auto data = read_log(log_path(layout, read.what), read.what);
  if (!data) return wire::refusal(data.error());
  if (data->file != 0 || read.known) return std::move(*data);
  return wire::Refusal{ErrorCode::kNotFound,
                       wire::to_string(read.what.instance) + ": nothing of it is kept here"};
}

ProcessOptions with_reserves(ProcessOptions options, const Layout& layout) {
  constexpr uint64_t kMemoryReserveMax = 128u << 20;
  if (options.disk_reserve_bytes == 0) {
    // The logs may be on a disk of their own.
    const std::string logs = layout.data_dir + "/wal";
    std::error_code ignored;
    const bool is_there = std::filesystem::is_directory(logs, ignored);
    ignored.clear();
    const std::filesystem::space_info disk =
        std::filesystem::space(is_there ? logs : layout.data_dir, ignored);
    options.disk_reserve_bytes =
        disk_reserve_bytes(ignored ? 0 : disk.available, ignored ? 0 : disk.capacity);
  }
  if (options.memory_reserve_bytes == 0) {
    const uint64_t all = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                         static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    options.memory_reserve_bytes = std::min(all / 16, kMemoryReserveMax);
  }
  return options;
}

}  // namespace

Result<std::unique_ptr<AgentShell>> AgentShell::create(runtime::Loop& loop,
                                                       runtime::ZmqContext& context,
                                                       const AgentOptions& options) {
  if (auto made = make_all_folders(options.layout); !made) return Error(made.error());
  auto lock = runtime::FileLock::acquire_within(options.layout.lock_file(), kLockLimit);
  if (!lock) return std::move(lock).error();
  if (!runtime::become_subreaper()) log::warn("the kernel has no subreapers");
  auto orders = read_orders(options.layout.orders_dir());
  if (!orders) return std::move(orders).error();
  auto contents = ContentCache::open(loop, options.layout.actions_dir());
  if (!contents) return std::move(contents).error();
  auto identity = identity_of(options.layout, !orders->empty());
  if (!identity) return std::move(identity).error();
  AgentOptions known = options;
  known.processes.identity = *identity;
  auto wrappers = runtime::ZmqSocket::router(context, socket_options());
  if (!wrappers) return std::move(wrappers).error();
  auto bound = wrappers->bind("ipc://" + options.layout.agent_socket());
  if (!bound) return std::move(bound).error();
  std::unique_ptr<AgentShell> shell(new AgentShell(loop, context, known, std::move(*identity),
                                                   std::move(*lock), std::move(*wrappers),
                                                   std::move(*contents)));
  const bool any = !orders->empty();
  for (wire::StartOrder& order : *orders) {
    const Starts starts = read_starts(options.layout.starts_file(wire::key_of(order)));
    shell->core_.recover(std::move(order), starts);
  }
  if (!is_noted_boot(options.layout.data_dir)) {
    shell->boot_noted_ = false;
    if (any) shell->core_.hold_starts(loop.now() + options.boot_wait);
  }
  shell->dial_broker();
  return shell;
}

AgentShell::AgentShell(runtime::Loop& loop, runtime::ZmqContext& context,
                       const AgentOptions& options, std::string identity, runtime::FileLock lock,
                       runtime::ZmqSocket wrappers, std::unique_ptr<ContentCache> contents)
    : loop_(loop),
      context_(context),
      broker_(options.broker),
      core_(options.name, options.layout, options.log_limit_bytes, std::move(identity)),
      lock_(std::move(lock)),
      wrappers_(std::move(wrappers)),
      dialer_(loop),
      processes_(
          loop, core_.layout(), with_reserves(options.processes, options.layout),
          [this](const wire::InstanceKey& key, const Ended& ended) { on_ended(key, ended); }),
      inspections_(loop, options.processes.wrapper_program),
      contents_(std::move(contents)),
      order_files_(loop, core_.layout(),
                   [this](const wire::InstanceKey& key, const LifeEvent& event) {
                     on_order_file(key, event);
                   }),
      eraser_(loop) {
  wrappers_watch_ = loop_.watch_socket(wrappers_, [this] { receive_from_wrappers(); });
  inherited_timer_ = loop_.every(kInheritedPoll, [this] { look_after_inherited(); });
  loop_.on_turn_end([this] { end_turn(); });
}

AgentShell::~AgentShell() {
  loop_.on_turn_end(nullptr);
  loop_.unwatch(wrappers_watch_);
  loop_.unwatch(broker_watch_);
  loop_.cancel(dial_timer_);
  loop_.cancel(timer_);
  loop_.cancel(inherited_timer_);
  loop_.cancel(end_timer_);
}

void AgentShell::start() {
  if (core_.holds_starts()) {
    log::info("this host was booted: nothing is started before the broker has answered");
  }
  started_ = true;
  carry_out(core_.tick(loop_.now()));
  end_turn();
}

// Only once nothing waits for the broker any more: an agent that is started again while this one
// waits must wait as well.
void AgentShell::note_boot() {
  if (boot_noted_ || core_.holds_starts()) return;
  boot_noted_ = true;
  if (auto noted = note_this_boot(core_.layout().data_dir); !noted) log::warn(noted.error().what);
}

// ---- Sockets -------------------------------------------------------------------------------

std::string AgentShell::broker_endpoint() const {
  if (!broker_.empty()) return broker_;
  const char* const runtime_dir = std::getenv("XDG_RUNTIME_DIR");
  return config::default_broker(
      &config::LocalSockets::agent, runtime_dir == nullptr ? "" : runtime_dir,
      [](const std::string& path) { return ::access(path.c_str(), F_OK) == 0; });
}

void AgentShell::dial_broker() {
  loop_.cancel(dial_timer_);
  loop_.unwatch(broker_watch_);
  broker_socket_.reset();
  const std::string endpoint = broker_endpoint();
  dialer_.dial(endpoint, kDialLimit, [this, endpoint](const Result<std::string>& found) {
    Status connected = found ? connect_broker(*found) : Status(found.error());
    if (!connected) return not_dialed(endpoint, connected.error());
    dial_pause_ = kDialPauseFirst;
    core_.broker_connected(loop_.now());
    arm_timer();
  });
}

void AgentShell::not_dialed(const std::string& endpoint, const Error& error) {
  if (told_ != error.what) {
    log::warn("no broker answers at " + endpoint + ": " + error.what +
              "; tried again until one does");
    told_ = error.what;
  }
  dial_timer_ = loop_.after(dial_pause_, [this] { dial_broker(); });
  dial_pause_ = std::min(dial_pause_ * 2, kDialPauseMax);
}

// Its host is a number.
Status AgentShell::connect_broker(const std::string& endpoint) {
  runtime::SocketOptions options = socket_options();
  // Reports are only worth something when they are fresh.
  options.only_when_connected = true;
  auto socket = runtime::ZmqSocket::dealer(context_, options);
  if (!socket) return Error(socket.error());
  if (auto connected = socket->connect(endpoint); !connected) return connected;
  broker_socket_.emplace(std::move(*socket));
  broker_watch_ = loop_.watch_socket(*broker_socket_, [this] { receive_from_broker(); });
  return {};
}

// It was silent. Where it is by now, dialing finds out.
void AgentShell::reconnect_broker() {
  if (std::exchange(broker_answers_, false)) {
    told_.clear();
    dial_pause_ = kDialPauseFirst;
  }
  if (!broker_socket_) return;  // Dialed already, again and again.
  if (told_.empty()) {
    told_ = "it is silent";
    log::warn("the broker at " + broker_endpoint() + " is silent; tried again until one answers");
  }
  dial_broker();
}

void AgentShell::receive_from_broker() {
  std::vector<runtime::Message> parts;
  for (int i = 0; i < kMessagesPerTurn && broker_socket_; ++i) {
    const auto got = broker_socket_->receive(parts);
    if (!got) {
      log::warn(got.error().what);
      continue;
    }
    if (!*got) return;
    if (parts.size() != 1) continue;
    auto envelope = wire::decode(parts[0].view());
    if (!envelope) {
      log::warn("from the broker: " + envelope.error().what);
      continue;
    }
    if (end_ == End::kAtOnce) continue;
    if (!std::exchange(broker_answers_, true)) {
      log::info("the broker at " + broker_endpoint() + " answers");
      told_.clear();
    }
    const uint64_t free = free_bytes(core_.layout().data_dir);
    carry_out(core_.from_broker(std::move(*envelope), free, loop_.now()));
  }
}

void AgentShell::receive_from_wrappers() {
  std::vector<runtime::Message> parts;
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    const auto got = wrappers_.receive(parts);
    if (!got) {
      log::warn(got.error().what);
      continue;
    }
    if (!*got) return;
    if (parts.size() == 2) take_from_wrapper(parts);
  }
}

void AgentShell::take_from_wrapper(const std::vector<runtime::Message>& parts) {
  const std::string peer(parts[0].view());
  auto envelope = wire::decode(parts[1].view());
  if (!envelope) {
    log::warn("from a wrapper: " + envelope.error().what);
    send_to_wrapper({peer, wire::refusal(envelope.error())});
    return;
  }
  if (end_ == End::kAtOnce) return;
  carry_out(core_.from_wrapper(peer, std::move(*envelope), loop_.now()));
}

// What is not sent is not queued: it is said again when the broker is there, as it is then.
void AgentShell::send_to_broker(const ToBroker& effect) {
  if (!broker_socket_) return;
  const auto bytes = wire::encode({effect.request, effect.message});
  if (!bytes) return log::error(bytes.error().what);
  const auto sent = broker_socket_->send({*bytes});
  if (!sent) return log::warn(sent.error().what);
  if (*sent != runtime::SendStatus::kSent) return core_.broker_not_reached(loop_.now());
  if (std::holds_alternative<wire::AgentReport>(effect.message)) failpoint("agent.reported");
}

void AgentShell::send_to_wrapper(const ToWrapper& effect) {
  const auto bytes = wire::encode({effect.request, effect.message});
  if (!bytes) return log::error(bytes.error().what);
  const auto sent = wrappers_.send({effect.peer, *bytes});
  if (!sent) log::warn(sent.error().what);
}

// ---- Effects -------------------------------------------------------------------------------

// Answers come while effects are carried out; what they cause is done after what is waiting.
void AgentShell::carry_out(std::vector<AgentEffect> effects) {
  for (AgentEffect& effect : effects) pending_.push_back(std::move(effect));
  if (draining_) return;
  draining_ = true;
  while (!pending_.empty()) {
    const AgentEffect effect = std::move(pending_.front());
    pending_.pop_front();
    carry_out_one(effect);
  }
  draining_ = false;
  note_boot();
  if (end_ == End::kInOrder) check_the_end();
}

void AgentShell::end_turn() {
  if (end_ == End::kAtOnce || !started_) return;
  while (true) {
    std::vector<AgentEffect> effects = core_.end_turn(loop_.now());
    if (effects.empty()) break;
    carry_out(std::move(effects));
  }
  arm_timer();
}

void AgentShell::carry_out_one(const AgentEffect& effect) {
  if (const auto* to_broker = std::get_if<ToBroker>(&effect)) {
    send_to_broker(*to_broker);
  } else if (const auto* to_wrapper = std::get_if<ToWrapper>(&effect)) {
    send_to_wrapper(*to_wrapper);
  } else if (const auto* removal = std::get_if<EraseInstance>(&effect)) {
    erase(removal->key);
  } else if (const auto* read = std::get_if<ReadLog>(&effect)) {
    send_to_broker({answer_log_read(core_.layout(), *read), read->request});
  } else if (const auto* question = std::get_if<AskLog>(&effect)) {
    inspections_.ask(core_.layout().log_dir(question->key, question->log_term),
                     {question->request, question->question}, [this](const wire::Envelope& answer) {
                       send_to_broker({answer.message, answer.request});
                     });
  } else if (const auto* task = std::get_if<ForWrapper>(&effect)) {
    do_for_wrapper(*task);
  } else if (const auto* content = std::get_if<ForContents>(&effect)) {
    contents_->carry_out(content->what,
                         [this](const std::string& sha256, const ContentAnswer& answer) {
                           on_content(sha256, answer);
                         });
  } else {
    reconnect_broker();
  }
}

void AgentShell::do_for_wrapper(const ForWrapper& task) {
  const wire::InstanceKey& key = task.key;
  const auto life = core_.lives().find(key);
  if (life == core_.lives().end()) return;
  if (std::holds_alternative<StoreOrder>(task.what)) {
    order_files_.store(life->second.order());
  } else if (std::holds_alternative<RemoveOrder>(task.what)) {
    order_files_.remove(key);
  } else if (std::holds_alternative<Launch>(task.what)) {
    launch(key);
  } else if (std::holds_alternative<ProbeLock>(task.what)) {
    answer(key, processes_.probe(core_.lives().at(key).order()));
  } else if (const auto* follow = std::get_if<Follow>(&task.what)) {
    const auto pid = static_cast<pid_t>(follow->pid);
    if (!processes_.follow(core_.lives().at(key).order(), pid)) {
      answer(key, Ended{pid, std::nullopt, "it is gone", ""});
    }
  } else if (std::holds_alternative<NoteStarts>(task.what)) {
    order_files_.note_starts(key, life->second.starts());
  } else if (const auto* signal = std::get_if<SignalProcess>(&task.what)) {
    processes_.signal(key, signal->signal);
  }
}

void AgentShell::launch(const wire::InstanceKey& key) {
  const auto life = core_.lives().find(key);
  if (life == core_.lives().end()) return;
  const LifeEvent launched = processes_.launch(life->second.order());
  if (std::holds_alternative<Started>(launched)) failpoint("agent.launched");
  answer(key, launched);
}

void AgentShell::erase(const wire::InstanceKey& key) {
  eraser_.submit([layout = core_.layout(), key] { return erase_instance(layout, key); },
                 [this, key](const Status& done) {
                   if (end_ == End::kAtOnce) return;
                   carry_out(core_.from_eraser(key, done, loop_.now()));
                 });
}

void AgentShell::on_order_file(const wire::InstanceKey& key, const LifeEvent& event) {
  if (end_ == End::kAtOnce) return;
  if (std::holds_alternative<OrderStored>(event)) failpoint("agent.order_stored");
  if (std::holds_alternative<OrderRemoved>(event)) failpoint("agent.order_removed");
  if (const auto* failed = std::get_if<DiskFailed>(&event)) log::error(failed->what);
  answer(key, event);
}

void AgentShell::on_content(const std::string& sha256, const ContentAnswer& answer) {
  if (end_ == End::kAtOnce) return;
  carry_out(core_.from_contents(sha256, answer, loop_.now()));
}

void AgentShell::answer(const wire::InstanceKey& key, const LifeEvent& event) {
  carry_out(core_.from_shell(key, event, loop_.now()));
}

void AgentShell::on_ended(const wire::InstanceKey& key, const Ended& ended) {
  if (end_ == End::kAtOnce) return;  // check_the_end() looks at what is left.
  look_after_inherited();
  carry_out(core_.from_shell(key, ended, loop_.now()));
}

void AgentShell::arm_timer() {
  loop_.cancel(timer_);
  if (end_ == End::kAtOnce) return;
  const auto delay = core_.deadline(loop_.now()) - loop_.now();
  timer_ = loop_.after(delay, [this] { carry_out(core_.tick(loop_.now())); });
}

// What a killed wrapper leaves behind comes to us: its guard, which goes by itself, and what the
// guard left if it was killed too (R11).
void AgentShell::look_after_inherited() {
  if (runtime::reap_inherited() > 0 && runtime::kill_inherited() > 0) runtime::reap_inherited();
}

// ---- The end -------------------------------------------------------------------------------

void AgentShell::stop_in_order() {
  if (end_ != End::kNot) return;
  log::info("stopping all wrappers");
  end_ = End::kInOrder;
  wait_for_the_end(kInOrderLimit);
  carry_out(core_.shut_down(loop_.now()));
}

void AgentShell::lifeline_closed() {
  if (end_ == End::kAtOnce) return;
  end_ = End::kAtOnce;
  loop_.cancel(timer_);
  wait_for_the_end(kAtOnceLimit);
}

void AgentShell::wait_for_the_end(runtime::Duration limit) {
  end_limit_ = loop_.now() + limit;
  loop_.cancel(end_timer_);
  end_timer_ = loop_.every(kEndPoll, [this] { check_the_end(); });
}

void AgentShell::check_the_end() {
  const bool down = end_ == End::kAtOnce || core_.all_down();
  if (down && processes_.empty() && runtime::reap_inherited() == 0) return finish();
  if (loop_.now() < end_limit_) return;
  if (killed_) {
    log::error("something could not be killed");
    return finish();
  }
  killed_ = true;
  end_ = End::kAtOnce;
  end_limit_ = loop_.now() + kKilledLimit;
  processes_.signal_all(SIGKILL);
  runtime::kill_trees([](pid_t child) { return !runtime::is_own_child(child); });
}

void AgentShell::finish() {
  loop_.cancel(end_timer_);
  // Wrappers that were killed could not remove theirs; our own goes with the socket.
  for (const auto& [key, life] : core_.lives()) {
    ::unlink(core_.layout().wrapper_socket(key).c_str());
  }
  loop_.stop();
}

}  // namespace weir::agent
