#include "wrapper/core/suspects.h"

#include <algorithm>

namespace weir::core {

template <class All>
auto* Suspects::find(All& all, size_t input, const RecordId& first) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Suspect& each) {
    return each.input == input && each.first == first;
  });
  return found == all.end() ? nullptr : &*found;
}

bool Suspects::failed_again(size_t input, const RecordId& first, const Failure& why) {
  Suspect* const known = find(all_, input, first);
  if (known == nullptr) return false;
  known->why = why;
  known->state = works_ ? State::kConfirmed : State::kAside;
  return true;
}

void Suspects::add(size_t input, const RecordId& first, Portion record, Failure why) {
  all_.push_back({input, first, std::move(record), std::move(why)});
}

void Suspects::forget_answered(size_t input, const RecordId& first) {
  std::erase_if(all_,
                [&](const Suspect& each) { return each.input == input && each.first == first; });
}

void Suspects::forget_lost(size_t input, const edge::ReadingEnd& reader) {
  std::erase_if(all_, [&](const Suspect& each) {
    return each.input == input && !reader.writer_has(each.record.last);
  });
}

bool Suspects::passed_over(size_t input, const RecordId& first) const {
  const Suspect* const known = find(all_, input, first);
  return known != nullptr && known->state != State::kDue;
}

bool Suspects::any_aside() const {
  return std::any_of(all_.begin(), all_.end(),
                     [](const Suspect& each) { return each.state == State::kAside; });
}

void Suspects::ask_again(bool works) {
  works_ = works;
  for (Suspect& each : all_) each.state = State::kDue;
}

void Suspects::confirm_all() {
  for (Suspect& each : all_) each.state = State::kConfirmed;
}

bool Suspects::only_these_left(const std::vector<Input>& inputs) const {
  return !all_.empty() && std::all_of(all_.begin(), all_.end(), [&](const Suspect& each) {
    const Input& input = inputs[each.input];
    return input.consumed.id() >= each.record.last.id() && input.inbox.empty();
  });
}

void Suspects::write_confirmed(Node& node, std::vector<Position>& answered) {
  std::erase_if(all_, [&](const Suspect& each) {
    const Input& input = node.inputs_for_runner()[each.input];
    // Of another lane, it may be on its way again: not before it has been passed over.
    const bool passed = input.consumed.id() >= each.record.last.id();
    if (each.state != State::kConfirmed || !passed) return false;
    put_dead_letter(node, input.name, each.record, {}, each.why);
    Position& until = answered[each.input];
    if (until.id() < each.record.last.id()) until = each.record.last;
    return true;
  });
}

}  // namespace weir::core
