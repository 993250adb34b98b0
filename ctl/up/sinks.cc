#include "ctl/up/sinks.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "ctl/base/files.h"
#include "schema/base/files.h"
#include "schema/wire/control.h"

namespace weir::ctl {
namespace {

// The writes below run on the worker.

// `offset` below 0: where the descriptor stands. `written` counts along, also if it fails.
Status write_all(int fd, const std::vector<SharedBytes>& bytes, int64_t offset,
                 std::atomic<size_t>& written_bytes) {
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
    if (written < 0 && errno == EAGAIN) {
      wait_writable(fd);
      continue;
    }
    if (written < 0 && errno == EPIPE) {
      return Error{ErrorCode::kUnavailable, "nobody reads it any more"};
    }
    if (written < 0) return errno_error("write", errno);
    if (offset >= 0) offset += written;
    written_bytes += static_cast<size_t>(written);
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

Status write_file(int fd, const SinkMerge::Batch& batch, std::atomic<size_t>& written_bytes) {
  if (batch.cut_to && ::ftruncate(fd, static_cast<off_t>(*batch.cut_to)) != 0) {
    return errno_error("shorten", errno);
  }
  const uint64_t from = batch.after.bytes - batch.size;
  Status written = write_all(fd, batch.bytes, static_cast<int64_t>(from), written_bytes);
  if (!written) return written;
  if (::fdatasync(fd) != 0) return errno_error("sync", errno);
  return {};
}

}  // namespace

Sinks::Sinks(runtime::Loop& loop, runtime::ZmqContext& context, SinksConfig config, Events events)
    : loop_(loop),
      context_(context),
      config_(std::move(config)),
      events_(std::move(events)),
      listener_(*this,
                [this](size_t input, const Error& why) {
                  events_.on_note(lanes_[input].of.label, why.what);
                }),
      worker_(loop) {}

Sinks::~Sinks() { loop_.unwatch(watch_); }

// ---- outputs

Status Sinks::open_outputs() {
  if (to_files()) {
    if (Status made = make_folder(config_.output_dir, 0777); !made) return made;
    if (Status locked = lock_folder(); !locked) return locked;
  }
  assign_lanes();
  for (Output& output : outputs_) {
    if (Status loaded = load_position(output); !loaded) return loaded;
    if (to_files()) {
      if (Status opened = open_file(output); !opened) return opened;
    }
    const SinkExtent& extent = output.position.extent;
    std::vector<SinkLane*> lanes;
    for (const size_t i : output.lanes) {
      Lane& lane = lanes_[i];
      const LanePosition& at = output.position.lanes[lane.place];
      lane.lane = std::make_unique<SinkLane>(
          edge::EdgeName{config_.pipeline, lane.of.lane, std::string(wire::kWeirctlName)},
          kCreditBytes, at.reader, at.begun, extent.open_lane == lane.place + 1);
      lanes.push_back(lane.lane.get());
    }
    output.merge = std::make_unique<SinkMerge>(std::move(lanes), to_files(), extent);
  }
  return {};
}

// The folder itself, so that no file is left in it. Some file systems have no locks for folders:
// then there is none.
Status Sinks::lock_folder() {
  locked_folder_.reset(::open(config_.output_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!locked_folder_.valid()) return errno_error("open " + config_.output_dir, errno);
  if (::flock(locked_folder_.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
  return Error{ErrorCode::kConflict,
               config_.output_dir + " is in use: another 'weirctl up' writes its results there"};
}

void Sinks::assign_lanes() {
  lanes_.resize(config_.sinks.size());
  outputs_.resize(to_files() ? lanes_.size() : 1);
  for (size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = lanes_[i];
    lane.of = config_.sinks[i];
    lane.output = to_files() ? i : 0;
    Output& output = outputs_[lane.output];
    lane.place = output.lanes.size();
    output.lanes.push_back(i);
    if (!to_files()) continue;
    output.path = config_.output_dir + "/" + lane.of.label;
    output.position_path = config_.output_dir + "/." + lane.of.label + ".weir";
  }
  if (!to_files() && !config_.state_dir.empty()) {
    outputs_.front().position_path = config_.state_dir + "/stdout";
  }
}

Status Sinks::load_position(Output& output) const {
  output.position.run = config_.run;
  output.position.lanes.resize(output.lanes.size());
  if (output.position_path.empty()) return {};
  Result<SlotFile> file =
      SlotFile::open(output.position_path, SinkPosition::bytes_max(output.lanes.size()));
  if (!file) return std::move(file).error();
  output.position_file = std::make_shared<SlotFile>(*std::move(file));
  if (output.position_file->content().empty()) return {};
  Result<SinkPosition> position = decode_position(output.position_file->content());
  if (!position) return std::move(position).error().in(output.position_path);
  if (position->run != config_.run) return {};
  if (position->lanes.size() != output.lanes.size()) {
    return Error{ErrorCode::kCorrupt, output.position_path + ": it is of another graph"};
  }
  output.position = *std::move(position);
  return {};
}

Status Sinks::open_file(Output& output) const {
  // O_NONBLOCK: a FIFO of this name would wait for a reader.
  output.file.reset(::open(output.path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666));
  struct stat info {};
  const int failed = output.file.valid() ? 0 : errno;
  if (failed == ENXIO ||
      (failed == 0 && ::fstat(output.file.get(), &info) == 0 && !S_ISREG(info.st_mode))) {
    return Error{ErrorCode::kConflict,
                 output.path +
                     " is not a regular file, and --output writes no other: move it away, "
                     "or take another folder"};
  }
  if (failed != 0) return errno_error("open " + output.path, failed);
  const uint64_t wanted = output.position.extent.bytes;
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
  for (const Output& output : outputs_) ::unlink(output.position_path.c_str());
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
    if (parts_.size() != 2 || closed_) continue;
    const Peer writer = runtime::peer_of(parts_, Peer::Role::kWriter);
    const auto answer = listener_.on_message(writer, std::move(parts_[1]).to_shared());
    if (answer) send(writer.route, *answer);
  }
}

std::optional<size_t> Sinks::input_named(std::string_view lane) const {
  const auto named = std::find_if(lanes_.begin(), lanes_.end(),
                                  [&](const Lane& each) { return each.lane->name().from == lane; });
  if (named == lanes_.end()) return std::nullopt;
  return static_cast<size_t>(named - lanes_.begin());
}

std::optional<edge::Refuse> Sinks::on_hello(size_t input, const edge::Hello& hello,
                                            const Peer& peer) {
  return lanes_[input].lane->on_hello(hello, peer);
}

void Sinks::on_writer_frame(size_t input, const edge::Frame& frame) {
  const SinkLane::Heard heard = lanes_[input].lane->on_frame(frame);
  if (heard.reset) send(listener_.route_of(input), *heard.reset);
  if (heard.note) events_.on_note(lanes_[input].of.label, *heard.note);
}

void Sinks::on_block(size_t input, wire::Block block) { lanes_[input].lane->on_block(block); }

void Sinks::send(const std::string& route, const edge::Frame& frame) {
  const std::string bytes = edge::encode(frame);
  // A writer that is gone comes back with HELLO; acknowledgements are cumulative.
  (void)router_->send({std::string_view(route), std::string_view(bytes)});
}

// ---- writing

void Sinks::turn() {
  if (closed_) return;
  for (Output& output : outputs_) pump(output);
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const std::string& route = listener_.route_of(i);
    for (const edge::Frame& frame : lanes_[i].lane->say()) {
      if (!route.empty()) send(route, frame);
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
    output.position.lanes[lane.place].reader.seen = lane.lane->seen();
    if (!output.position_file) {
      lane.lane->seen_kept();
      continue;
    }
    output.busy = true;
    worker_.submit([file = output.position_file,
                    bytes = encode(output.position)] { return file->write(bytes, Sync::kYes); },
                   [this, &output, i](const Status& status) {
                     output.busy = false;
                     if (!status) return events_.on_error(status.error());
                     lanes_[i].lane->seen_kept();
                   });
    return true;
  }
  return false;
}

SinkPosition Sinks::position_after(const Output& output, const SinkMerge::Done& done) {
  SinkPosition position = output.position;
  position.extent = done.extent;
  for (const SinkMerge::Reached& reached : done.reached) {
    LanePosition& lane = position.lanes[reached.lane];
    lane.reader.frontier = reached.last;
    lane.reader.ended = reached.end;
    lane.begun = {};
  }
  if (done.begun) position.lanes[done.begun->first].begun = done.begun->second;
  return position;
}

void Sinks::write(Output& output, SinkMerge::Batch batch) {
  const SinkMerge::Done done = batch.done();
  const bool ends = std::any_of(done.reached.begin(), done.reached.end(),
                                [](const auto& reached) { return reached.end; });
  const bool save = output.position_file &&
                    (to_files() || ends || loop_.now() - output.saved_at >= kSaveInterval);
  if (save) output.saved_at = loop_.now();
  if (!to_files() && batch.size > 0) events_.on_before_write();
  output.busy = true;
  auto writing = std::make_shared<Writing>(std::move(batch));
  output.writing = writing;
  const int fd = to_files() ? output.file.get() : config_.stdout_fd;
  worker_.submit(
      [fd, writing, path = output.path, position_file = save ? output.position_file : nullptr,
       position = save ? encode(position_after(output, done)) : ""]() -> Status {
        const bool is_file = !path.empty();
        Status status = is_file ? write_file(fd, writing->batch, writing->written)
                                : write_all(fd, writing->batch.bytes, -1, writing->written);
        if (!status) return std::move(status).error().in(is_file ? path : "standard output");
        if (!position_file) return {};
        return position_file->write(position, is_file ? Sync::kYes : Sync::kNo);
      },
      [this, &output, writing](const Status& status) { written(output, *writing, status); });
}

void Sinks::written(Output& output, const Writing& writing, const Status& status) {
  output.busy = false;
  output.writing.reset();
  const SinkMerge::Batch& batch = writing.batch;
  // A file is cut back to its position; of what is on stdout nothing is written again.
  if (!status && to_files()) return events_.on_error(status.error());
  const SinkMerge::Done done = batch.done(writing.written);
  output.position = position_after(output, done);
  if (!status && status.error().code == ErrorCode::kUnavailable) return stdout_closed();
  if (!status) return events_.on_error(status.error());
  for (const SinkMerge::Reached& reached : done.reached) {
    lanes_[output.lanes[reached.lane]].lane->done(reached.last, reached.end);
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

void Sinks::close() { closed_ = true; }

void Sinks::keep_positions() {
  for (Output& output : outputs_) {
    if (to_files() || !output.position_file) continue;
    // If nobody reads stdout the worker hangs: what it has done of its batch is known up to the
    // call that it is in.
    const SinkPosition position =
        output.writing ? position_after(output, output.writing->batch.done(output.writing->written))
                       : output.position;
    const bool anything = std::any_of(position.lanes.begin(), position.lanes.end(),
                                      [](const auto& lane) { return !lane.reader.seen.none(); });
    if (!anything) continue;
    if (const Status kept = output.position_file->write(encode(position), Sync::kNo); !kept) {
      events_.on_note("",
                      "cannot remember how far standard output has come: a resumed run repeats "
                      "the last part of it (" +
                          kept.error().what + ")");
    }
  }
}

}  // namespace weir::ctl
