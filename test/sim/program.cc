#include "test/sim/program.h"

#include <algorithm>

#include "schema/base/codec.h"

namespace weir::sim {

using std::chrono::milliseconds;

namespace {

constexpr uint64_t kLastRecords = 5;  // Of a source whose end comes late.
constexpr uint64_t kBusyEvery = 16;
constexpr size_t kDrawnBytesMax = 16;

std::string frame_of(std::string_view text) {
  uint8_t length[4];
  store_be(length, static_cast<uint32_t>(text.size()));
  return std::string(reinterpret_cast<const char*>(length), 4).append(text);
}

// Cuts the first whole record off `bytes`.
std::optional<std::string> cut_record(std::string_view& bytes, graph::Protocol protocol) {
  if (protocol == graph::Protocol::kFrames) {
    if (bytes.size() < 4) return std::nullopt;
    const uint32_t length = load_be<uint32_t>(reinterpret_cast<const uint8_t*>(bytes.data()));
    if (bytes.size() - 4 < length) return std::nullopt;
    std::string record(bytes.substr(4, length));
    bytes.remove_prefix(4 + size_t{length});
    return record;
  }
  const size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string record(bytes.substr(0, end + 1));
  bytes.remove_prefix(end + 1);
  return record;
}

uint64_t number_of(const std::string& record) {
  return record.empty() || record == "\n" ? 0 : std::stoull(record);
}

}  // namespace

std::string describe(const NodePlan& plan) {
  const graph::NodeSpec& spec = plan.spec;
  const Ills& ills = plan.ills;
  constexpr const char* kProtocols[] = {"pipe", "lines", "frames"};
  constexpr const char* kUnits[] = {"stream", "batch", "record"};
  constexpr const char* kWays[] = {"exit 1", "exit 75", "signal", "hang", "missing", "extra"};
  std::string text = spec.name + ": " + kProtocols[static_cast<int>(spec.protocol)];
  const bool replies = spec.protocol != graph::Protocol::kPipe;
  text += replies ? ", in_flight " + std::to_string(spec.in_flight)
                  : std::string(", ") + kUnits[static_cast<int>(spec.unit)] + " of " +
                        std::to_string(spec.max_records);
  text +=
      ", retries " + std::to_string(spec.retries) + ", max_dead " + std::to_string(spec.max_dead);
  if (!ills.poison.empty())
    text += std::string(", poison (") + kWays[static_cast<int>(ills.poison_way)] + ")";
  for (const uint64_t number : ills.poison) text += " " + std::to_string(number);
  if (ills.outage_for.count() > 0) {
    text += std::string(", outage (") + kWays[static_cast<int>(ills.outage_way)] + ") at " +
            std::to_string(ills.outage_at) + " for " + std::to_string(ills.outage_for.count()) +
            " ms";
  }
  for (const Mishap way : ills.mishaps) text += std::string(", ") + kWays[static_cast<int>(way)];
  if (spec.portable) text += spec.rerun ? ", portable, rerun" : ", portable";
  return text + (ills.chunky ? ", chunky" : "") + (ills.busy ? ", busy" : "");
}

std::vector<uint64_t> numbers_in(std::string_view bytes, graph::Protocol protocol) {
  std::vector<uint64_t> numbers;
  while (const auto record = cut_record(bytes, protocol)) numbers.push_back(number_of(*record));
  return numbers;
}

Program::Program(const NodePlan& plan, const Start& start, Outage& outage)
    : plan_(plan),
      replies_(plan.spec.protocol != graph::Protocol::kPipe),
      frames_(plan.spec.protocol == graph::Protocol::kFrames),
      outage_(outage),
      feed_(start.feed),
      drawn_(start.position),
      failing_(plan.behaviour == Behaviour::kFailOnce && start.run < plan.count),
      mishap_(start.mishap),
      mishap_after_(start.mishap_after),
      cured_(start.cured) {
  if (plan.behaviour != Behaviour::kNumbers || feed_ != nullptr) return;
  for (uint64_t i = start.position + 1; i <= plan.count; ++i) {
    if (!write_record(i)) break;
  }
  done_ = late_.empty() || wrong_;
}

bool Program::write_record(uint64_t number) {
  const std::string line = std::to_string(number) + "\n";
  const std::string record = frames_ ? frame_of(line) : line;
  if (mishap_ && records_++ >= mishap_after_) {
    out_ += record.substr(0, record.size() / 2);
    go_wrong(*mishap_);
    return false;
  }
  const bool late = plan_.ills.waits && number + kLastRecords > plan_.count;
  (late ? late_ : out_) += record;
  return true;
}

void Program::draw(core::SteadyTime now) {
  if (feed_ == nullptr || done_ || hung_) return;
  uint64_t& drawn = plan_.behaviour == Behaviour::kFeed ? feed_->given : drawn_;
  const uint64_t come = feed_->come(now);
  // No more than it can soon write: what it has drawn goes with it.
  while (drawn < come && out_.size() < kDrawnBytesMax) {
    if (!write_record(feed_->first + drawn++)) return;
  }
  done_ = drawn >= feed_->count;
}

size_t Program::read(std::string_view bytes, core::SteadyTime now) {
  if (hung_ || now < busy_until_) {
    if (!hung_) ++cpu_ticks_;
    return 0;
  }
  in_.append(bytes);
  while (!done_ && !hung_ && now >= busy_until_) {
    const std::optional<std::string> record = next_record();
    if (!record) break;
    begin_outage(number_of(*record), now);
    if (in_outage(now)) {
      go_wrong(plan_.ills.outage_way);
      break;
    }
    take(*record);
    if (plan_.ills.busy && records_ % kBusyEvery == 0) {
      busy_until_ = now + plan_.spec.stall_timeout * 3 / 2;
    }
  }
  if (!hung_) out_ += std::exchange(unflushed_, {});
  return bytes.size();
}

std::optional<std::string> Program::next_record() {
  std::string_view rest = in_;
  std::optional<std::string> record = cut_record(rest, plan_.spec.protocol);
  if (record) in_.erase(0, in_.size() - rest.size());
  return record;
}

void Program::end_of_input(core::SteadyTime now) {
  if (done_ || hung_) return;
  read({}, now);
  if (done_ || hung_ || now < busy_until_) return;
  if (in_outage(now)) return go_wrong(plan_.ills.outage_way);
  if (!in_.empty()) take(in_);
  if (mishap_ && !wrong_) {
    if (*mishap_ == Mishap::kExtra) {
      answer("77777\n");
      wrong_ = mishap_;
    } else if (*mishap_ != Mishap::kMissing) {
      return go_wrong(*mishap_);
    }
  }
  if (done_) return;
  if (plan_.behaviour == Behaviour::kCount) out_ += std::to_string(records_) + "\n";
  out_ += std::exchange(unflushed_, {});
  done_ = true;
}

std::string Program::write(size_t most) {
  if (hung_) return {};
  std::string chunk = out_.substr(0, most);
  out_.erase(0, chunk.size());
  return chunk;
}

void Program::wait_no_more() {
  if (late_.empty() || done_) return;
  out_ += std::exchange(late_, {});
  done_ = true;
}

core::RunEnd Program::end() const {
  core::RunEnd end;
  if (!wrong_) {
    end.code = failing_ ? 3 : 0;
    return end;
  }
  switch (*wrong_) {
    case Mishap::kExit1:
      end.code = 1;
      break;
    case Mishap::kExit75:
      end.code = 75;
      break;
    case Mishap::kSignal:
      end.kind = core::RunEnd::Kind::kSignaled;
      end.code = 11;
      break;
    case Mishap::kHang:
    case Mishap::kMissing:
    case Mishap::kExtra:
      break;
  }
  return end;
}

bool Program::in_outage(core::SteadyTime now) const {
  return outage_ && now < *outage_ + plan_.ills.outage_for;
}

void Program::begin_outage(uint64_t number, core::SteadyTime now) {
  const Ills& ills = plan_.ills;
  if (!outage_ && ills.outage_for.count() > 0 && number >= ills.outage_at) outage_ = now;
}

void Program::go_wrong(Mishap way) {
  wrong_ = way;
  if (way == Mishap::kHang) {
    hung_ = true;
    return;
  }
  if (way == Mishap::kSignal) out_.resize(out_.size() / 2);
  unflushed_.clear();
  done_ = true;
}

void Program::answer(const std::string& text) {
  std::string& out = plan_.ills.chunky ? unflushed_ : out_;
  out += frames_ ? frame_of(text) : (text.empty() ? "\n" : text);
}

void Program::take(const std::string& record) {
  const uint64_t number = number_of(record);
  if (!cured_ && plan_.ills.poison.contains(number)) return go_wrong(plan_.ills.poison_way);
  if (mishap_ && *mishap_ != Mishap::kExtra && records_ >= mishap_after_) {
    return go_wrong(*mishap_);
  }
  ++records_;
  switch (plan_.behaviour) {
    case Behaviour::kNumbers:
    case Behaviour::kFeed:
    case Behaviour::kFile:
    case Behaviour::kCount:
      break;
    case Behaviour::kCat:
      replies_ ? answer(record) : void(out_ += record);
      break;
    case Behaviour::kTwice:
      out_ += record + record;
      break;
    case Behaviour::kEven:
      if (replies_) {
        answer(number % 2 == 0 ? record : "");
      } else if (number % 2 == 0) {
        out_ += record;
      }
      break;
    case Behaviour::kHead:
      out_ += record;
      if (records_ >= plan_.count) done_ = true;
      break;
    case Behaviour::kFailOnce:
      out_ += record;
      if (failing_ && records_ >= 3) done_ = true;
      break;
  }
}

}  // namespace weir::sim
