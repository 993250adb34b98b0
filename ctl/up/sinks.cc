#include "ctl/up/sinks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "ctl/up/files.h"
#include "schema/base/log.h"
#include "schema/wire/control.h"

namespace weir::ctl {
namespace {

// The writes below run on the worker.

// `offset` below 0: where the descriptor stands.
Status write_all(int fd, const std::vector<SharedBytes>& bytes, int64_t offset) {
  constexpr size_t kVectorsMax = 512;
  size_t first = 0;
  size_t skip = 0;  // Of the first one: already written.
  while (first < bytes.size()) {
    iovec vectors[kVectorsMax];
    size_t count = 0;
    for (; count < kVectorsMax && first + count < bytes.size(); ++count) {
      const SharedBytes& each = bytes[first + count];
      const size_t from = count == 0 ? skip : 0;
      vectors[count] = {const_cast<uint8_t*>(each.data) + from, each.size - from};
    }
    const ssize_t written = offset < 0 ? ::writev(fd, vectors, static_cast<int>(count))
                                       : ::pwritev(fd, vectors, static_cast<int>(count), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && (errno == EPIPE || errno == EBADF)) {
      return Error{ErrorCode::kUnavailable, "nobody reads it any more"};
    }
    if (written < 0) return errno_error("write", errno);
    if (offset >= 0) offset += written;
    size_t left = static_cast<size_t>(written);
    while (first < bytes.size() && left >= bytes[first].size - skip) {
      left -= bytes[first].size - skip;
      skip = 0;
      ++first;
    }
    skip += left;
  }
  return {};
}

Status write_file(int fd, const SinkMerge::Batch& batch) {
  if (batch.cut_to && ::ftruncate(fd, static_cast<off_t>(*batch.cut_to)) != 0) {
    return errno_error("shorten", errno);
  }
  const uint64_t from = batch.after.bytes - batch.size;
  Status written = write_all(fd, batch.bytes, static_cast<int64_t>(from));
  if (!written) return written;
  if (::fdatasync(fd) != 0) return errno_error("sync", errno);
  return {};
}

SharedBytes share(runtime::Message message) {
  // The message must not move any more once its bytes are pointed at.
  auto owner = std::make_shared<runtime::Message>(std::move(message));
  const auto* data = static_cast<const uint8_t*>(owner->data());
  const size_t size = owner->size();
  return SharedBytes{std::move(owner), data, size};
}

}  // namespace

Sinks::Sinks(runtime::Loop& loop, runtime::ZmqContext& context, SinksConfig config, Events events)
    : loop_(loop),
      context_(context),
      config_(std::move(config)),
      events_(std::move(events)),
      worker_(loop) {}

Sinks::~Sinks() { loop_.unwatch(watch_); }

// ---- outputs

Status Sinks::open_outputs() {
  if (to_files()) {
    if (Status made = make_folder(config_.output_dir, 0777); !made) return made;
  }
  lanes_.resize(config_.nodes.size());
  outputs_.resize(to_files() ? lanes_.size() : 1);
  for (size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = lanes_[i];
    lane.node = config_.nodes[i];
    if (to_files()) {
      lane.position_file = config_.output_dir + "/." + lane.node + ".weir";
    } else if (!config_.state_dir.empty()) {
      lane.position_file = config_.state_dir + "/" + lane.node + ".position";
    }
    if (Status loaded = load_position(lane); !loaded) return loaded;
    edge::EdgeName name{config_.pipeline, lane.node + ".0", std::string(wire::kWeirctlName)};
    lane.lane = std::make_unique<SinkLane>(std::move(name), kCreditBytes, lane.position.reader);
    Output& output = outputs_[to_files() ? i : 0];
    output.lanes.push_back(i);
    if (!to_files()) continue;
    if (Status opened = open_file(lane, output); !opened) return opened;
  }
  for (Output& output : outputs_) {
    std::vector<SinkLane*> lanes;
    for (const size_t i : output.lanes) lanes.push_back(lanes_[i].lane.get());
    const SinkExtent extent = to_files() ? lanes_[output.lanes[0]].position.extent : SinkExtent{};
    output.merge = std::make_unique<SinkMerge>(std::move(lanes), to_files(), extent);
  }
  if (!to_files() && config_.stdout_fd < 0) stdout_closed();
  return {};
}

Status Sinks::load_position(Lane& lane) const {
  lane.position.run = config_.run;
  if (lane.position_file.empty()) return {};
  Result<std::optional<std::string>> bytes = read_small_file(lane.position_file);
  if (!bytes) return std::move(bytes).error();
  if (!*bytes) return {};
  Result<SinkPosition> position = decode_position(**bytes);
  if (!position) return std::move(position).error().in(lane.position_file);
  if (position->run == config_.run) lane.position = *std::move(position);
  return {};
}

Status Sinks::open_file(Lane& lane, Output& output) {
  output.path = config_.output_dir + "/" + lane.node;
  output.file.reset(::open(output.path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  struct stat info {};
  if (!output.file.valid() || ::fstat(output.file.get(), &info) != 0) {
    return errno_error("open " + output.path, errno);
  }
  const uint64_t wanted = lane.position.extent.bytes;
  if (static_cast<uint64_t>(info.st_size) < wanted) {
    return Error{ErrorCode::kConflict,
                 output.path + " has " + std::to_string(info.st_size) + " bytes, but " +
                     std::to_string(wanted) +
                     " were written to it: put it back as it was, or begin again with another "
                     "--data folder"};
  }
  // What came after the last position was never acknowledged, and is sent again.
  if (::ftruncate(output.file.get(), static_cast<off_t>(wanted)) != 0) {
    return errno_error("shorten " + output.path, errno);
  }
  return {};
}

void Sinks::forget_positions() {
  if (!to_files()) return;
  for (const Lane& lane : lanes_) ::unlink(lane.position_file.c_str());
}

// ---- the writers

Status Sinks::listen(const std::string& endpoint) {
  runtime::SocketOptions options;
  options.send_hwm = options.receive_hwm = 80'000;  // Credit bounds what is under way.
  options.message_bytes_max = static_cast<int64_t>(edge::kEdgeMessageBytesMax);
  Result<runtime::ZmqSocket> socket = runtime::ZmqSocket::router(context_, options);
  if (!socket) return std::move(socket).error();
  router_.emplace(*std::move(socket));
  if (Result<std::string> bound = router_->bind(endpoint); !bound) return std::move(bound).error();
  watch_ = loop_.watch_socket(*router_, [this] { receive(); });
  return {};
}

void Sinks::receive() {
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    const Result<bool> got = router_->receive(parts_);
    if (!got || !*got) return;
    if (parts_.size() == 2) on_message(std::string(parts_[0].view()), std::move(parts_[1]));
  }
}

void Sinks::on_message(const std::string& route, runtime::Message message) {
  if (closed_) return;
  const auto known = by_route_.find(route);
  if (wire::looks_like_block(static_cast<const uint8_t*>(message.data()), message.size())) {
    // A block of a writer that we have not met: it must say HELLO first.
    if (known == by_route_.end()) return send(route, edge::Reset{});
    Result<wire::Block> block = wire::decode_block(share(std::move(message)));
    if (!block) return events_.on_note(lanes_[known->second].node, block.error().what);
    return lanes_[known->second].lane->on_block(*block);
  }
  Result<edge::Frame> decoded = edge::decode(message.view());
  if (!decoded) {
    return send(route, edge::Refuse{0, edge::RefuseReason::kMalformed, {}, decoded.error().what});
  }
  const std::optional<edge::Frame> frame = hello_parts_.add(route, *std::move(decoded));
  if (!frame) return;
  if (const auto* hello = std::get_if<edge::Hello>(&*frame)) return on_hello(route, *hello);
  if (known == by_route_.end()) return send(route, edge::Reset{});
  Lane& lane = lanes_[known->second];
  if (const auto note = lane.lane->on_frame(*frame)) events_.on_note(lane.node, *note);
}

void Sinks::on_hello(const std::string& route, const edge::Hello& hello) {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = lanes_[i];
    if (lane.lane->name().from != hello.edge.from) continue;
    if (const auto refuse = lane.lane->on_hello(hello)) return send(route, *refuse);
    by_route_.erase(lane.route);
    lane.route = route;
    by_route_[route] = i;
    return;
  }
  send(route, edge::Refuse{hello.session,
                           edge::RefuseReason::kWrongEdge,
                           {},
                           "no lane " + hello.edge.from.substr(0, 100) + " is read here"});
}

void Sinks::send(const std::string& route, const edge::Frame& frame) {
  const std::string bytes = edge::encode(frame);
  // A writer that is gone comes back with HELLO; acknowledgements are cumulative.
  (void)router_->send({std::string_view(route), std::string_view(bytes)});
}

// ---- writing

void Sinks::turn() {
  if (closed_) return;
  for (Output& output : outputs_) pump(output);
  for (Lane& lane : lanes_) {
    for (const edge::Frame& frame : lane.lane->say()) {
      if (!lane.route.empty()) send(lane.route, frame);
    }
  }
}

// One job of an output at a time, so that what a job remembers is what the one before it has done.
void Sinks::pump(Output& output) {
  if (output.busy || keep_seen(output)) return;
  if (std::optional<SinkMerge::Batch> batch = output.merge->next()) {
    write(output, *std::move(batch));
  }
}

// R2: what is seen of a writer is synced before its first block is taken. True if that is under
// way.
bool Sinks::keep_seen(Output& output) {
  for (const size_t i : output.lanes) {
    Lane& lane = lanes_[i];
    if (!lane.lane->must_keep_seen()) continue;
    lane.position.reader.seen = lane.lane->seen();
    if (lane.position_file.empty()) {
      lane.lane->seen_kept();
      continue;
    }
    output.busy = true;
    worker_.submit(
        [path = lane.position_file, bytes = encode(lane.position)] {
          return replace_file(path, bytes, Sync::kYes);
        },
        [this, &output, i](const Status& status) {
          output.busy = false;
          if (!status) return events_.on_error(status.error());
          lanes_[i].lane->seen_kept();
        });
    return true;
  }
  return false;
}

void Sinks::write(Output& output, SinkMerge::Batch batch) {
  using Files = std::vector<std::pair<std::string, std::string>>;
  Files positions;
  const bool ends = std::any_of(batch.reached.begin(), batch.reached.end(),
                                [](const auto& reached) { return reached.end; });
  const bool save = to_files() || ends || loop_.now() - output.saved_at >= kSaveInterval;
  for (const SinkMerge::Reached& reached : batch.reached) {
    const Lane& lane = lanes_[output.lanes[reached.lane]];
    if (!save || lane.position_file.empty()) continue;
    SinkPosition position = lane.position;
    position.reader.frontier = reached.last;
    position.reader.ended = reached.end;
    position.extent = batch.after;
    positions.emplace_back(lane.position_file, encode(position));
  }
  if (save) output.saved_at = loop_.now();
  if (!to_files() && batch.size > 0) events_.on_before_write();
  output.busy = true;
  auto shared = std::make_shared<SinkMerge::Batch>(std::move(batch));
  const int fd = to_files() ? output.file.get() : config_.stdout_fd;
  worker_.submit(
      [fd, shared, positions = std::move(positions), file = to_files()]() -> Status {
        Status status = file ? write_file(fd, *shared) : write_all(fd, shared->bytes, -1);
        if (!status) return status;
        for (const auto& [path, bytes] : positions) {
          Status kept = replace_file(path, bytes, file ? Sync::kYes : Sync::kNo);
          if (!kept) return kept;
        }
        return {};
      },
      [this, &output, shared](const Status& status) { written(output, *shared, status); });
}

void Sinks::written(Output& output, const SinkMerge::Batch& batch, const Status& status) {
  output.busy = false;
  if (!status && !to_files() && status.error().code == ErrorCode::kUnavailable) {
    return stdout_closed();
  }
  if (!status) {
    Error error = status.error();
    return events_.on_error(std::move(error).in(to_files() ? output.path : "standard output"));
  }
  for (const SinkMerge::Reached& reached : batch.reached) {
    Lane& lane = lanes_[output.lanes[reached.lane]];
    lane.position.reader.frontier = reached.last;
    lane.position.reader.ended = reached.end;
    lane.position.extent = batch.after;
    lane.lane->done(reached.last, reached.end);
  }
  records_ += batch.records;
  bytes_ += batch.size;
  at_line_end_ = batch.at_line_end;
  turn();
  check_end();
}

void Sinks::stdout_closed() {
  for (Lane& lane : lanes_) lane.lane->enough();
  if (router_) turn();
  check_end();
}

bool Sinks::all_ended() const {
  return std::all_of(lanes_.begin(), lanes_.end(),
                     [](const Lane& lane) { return lane.lane->ended(); });
}

void Sinks::check_end() {
  const bool satisfied = std::all_of(lanes_.begin(), lanes_.end(),
                                     [](const Lane& lane) { return lane.lane->satisfied(); });
  if (!satisfied || told_) return;
  told_ = true;
  if (all_ended()) {
    events_.on_ended();
  } else {
    events_.on_closed();
  }
}

void Sinks::close() {
  if (closed_) return;
  closed_ = true;
  for (const Output& output : outputs_) {
    if (output.busy || to_files()) continue;
    for (const size_t i : output.lanes) {
      const Lane& lane = lanes_[i];
      if (lane.position_file.empty() || lane.position.reader.seen.none()) continue;
      const Status kept = replace_file(lane.position_file, encode(lane.position), Sync::kNo);
      if (!kept) log::warn(kept.error().what);
    }
  }
}

}  // namespace weir::ctl
