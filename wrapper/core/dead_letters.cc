#include "wrapper/core/dead_letters.h"

#include <algorithm>
#include <charconv>

#include "wrapper/core/log_entries.h"
#include "wrapper/core/node.h"
#include "wrapper/core/runner.h"
#include "wrapper/wal/keys.h"

namespace weir::core {
namespace {

using wal::key;
using wal::key_end;

void describe_failure(const Failure& why, DeadLetter& letter) {
  letter.reason = why.reason;
  letter.stderr_tail = why.end.stderr_tail;
  letter.status.reset();
  letter.signal.reset();
  if (why.end.kind == RunEnd::Kind::kExited) letter.status = why.end.code;
  if (why.end.kind == RunEnd::Kind::kSignaled) letter.signal = why.end.code;
}

std::string program_of(const Node& node) {
  return node.spec().run.empty() ? node.spec().action : node.spec().run;
}

}  // namespace

std::string dead_letter_id(uint32_t instance, uint64_t term, uint64_t number) {
  return std::to_string(instance) + "." + std::to_string(term) + "." + std::to_string(number);
}

std::optional<uint64_t> number_of_dead_letter(std::string_view id, uint32_t instance) {
  uint64_t parts[3] = {};
  for (int i = 0; i < 3; ++i) {
    const size_t end = i == 2 ? id.size() : id.find('.');
    if (end == std::string_view::npos) return std::nullopt;
    const auto [at, failure] = std::from_chars(id.data(), id.data() + end, parts[i]);
    if (failure != std::errc() || at != id.data() + end) return std::nullopt;
    id.remove_prefix(std::min(end + 1, id.size()));
  }
  if (parts[0] != instance) return std::nullopt;
  return parts[2];
}

Result<std::vector<uint64_t>> DeadLetterBook::named(const std::vector<std::string>& ids,
                                                    uint32_t instance) const {
  std::vector<uint64_t> numbers;
  if (ids.empty()) {
    const auto each = [&](std::string_view found, std::string_view) {
      const uint64_t number = wal::number_of_key(found);
      if (!erasing_.contains(number)) numbers.push_back(number);
      return true;
    };
    Status scanned = log_.scan(key(wal::kDead), key_end(wal::kDead), each);
    if (!scanned) return std::move(scanned).error();
    return numbers;
  }
  for (const std::string& id : ids) {
    const auto number = number_of_dead_letter(id, instance);
    if (!number || *number >= next_) {
      return Error{ErrorCode::kNotFound, "there is no dead letter " + id};
    }
    const auto letter = read(*number);
    if (!letter) return letter.error();
    if (!letter->has_value()) continue;
    if (dead_letter_id(instance, (*letter)->term, *number) != id) {
      return Error{ErrorCode::kNotFound, "there is no dead letter " + id};
    }
    numbers.push_back(*number);
  }
  return numbers;
}

Result<std::optional<DeadLetter>> DeadLetterBook::read(uint64_t number) const {
  if (erasing_.contains(number)) return std::optional<DeadLetter>();
  const Result<std::optional<std::string>> value = log_.get(key(wal::kDead, number));
  if (!value) return value.error();
  if (!value->has_value()) return std::optional<DeadLetter>();
  Result<DeadLetter> letter = decode_dead_letter(**value);
  if (!letter) return std::move(letter).error();
  return std::optional<DeadLetter>(*std::move(letter));
}

void DeadLetterBook::erase(uint64_t number, wal::LogBatch& batch) {
  erase_letter(batch, number, next_);
  erasing_.insert(number);
  std::erase(queue_, number);
  if (under_way_ == number) under_way_.reset();
  --count_;
}

void DeadLetterBook::want_retry(uint64_t number) {
  if (!is_retried(number)) queue_.push_back(number);
}

bool DeadLetterBook::is_retried(uint64_t number) const {
  return under_way_ == number || std::find(queue_.begin(), queue_.end(), number) != queue_.end();
}

std::optional<uint64_t> DeadLetterBook::take() {
  if (queue_.empty()) return std::nullopt;
  under_way_ = queue_.front();
  queue_.pop_front();
  return under_way_;
}

void DeadLetterBook::put_back() {
  if (under_way_) queue_.push_front(*under_way_);
  under_way_.reset();
}

void put_dead_letter(Node& node, const std::string& lane, const Portion& record, const UnitId& unit,
                     const Failure& why) {
  DeadLetter letter;
  letter.lane = lane;
  letter.record = record.last;
  letter.unit = unit;
  describe_failure(why, letter);
  letter.action = program_of(node);
  letter.bytes = record.bytes.view();
  letter.attempts = why.attempts;
  letter.unix_ms = node.effects().unix_ms();
  letter.term = node.order().term;
  put_letter(node.batch(), node.dead().add(), letter);
  node.sync_this_turn();
  node.effects().note("record " + to_string(record.last) + " of " + lane +
                      " is a dead letter: " + letter.reason);
}

namespace {

void keep_retried(Node& node, const Failure& why) {
  const uint64_t number = *node.dead().under_way();
  node.dead().set_done();
  Result<std::optional<DeadLetter>> letter = node.dead().read(number);
  if (!letter) return node.fail(letter.error().what);
  if (!letter->has_value()) return;
  describe_failure(why, **letter);
  (*letter)->action = program_of(node);
  ++(*letter)->attempts;
  (*letter)->unix_ms = node.effects().unix_ms();
  put_letter(node.batch(), number, **letter);
  node.sync_this_turn();
  node.effects().note("dead letter " +
                      dead_letter_id(node.order().instance, (*letter)->term, number) +
                      " was tried again and stays one: " + why.reason);
}

}  // namespace

void accept_retried(Node& node) {
  const uint64_t number = *node.dead().under_way();
  node.erase_dead(number);
  node.publish_outputs();
  node.sync_this_turn();
}

RetriedFate fate_of_retried(Node& node, const Failure& why, bool counts) {
  if (counts) {
    keep_retried(node, why);
    return RetriedFate::kStays;
  }
  if (why.end.kind == RunEnd::Kind::kLost) return RetriedFate::kWaits;
  node.dead().set_done();
  node.effects().note(why.reason + " on a dead letter: it stays one, to be tried later");
  return RetriedFate::kLater;
}

}  // namespace weir::core
