#include "agent/core/contents.h"

#include <algorithm>
#include <utility>

namespace weir::agent {
namespace {

std::string progress(uint64_t offset, uint64_t bytes) {
  const bool large = bytes >= 1u << 20;
  const uint64_t unit = large ? 1u << 20 : 1u << 10;
  return std::to_string(offset / unit) + " of " + std::to_string((bytes + unit - 1) / unit) +
         (large ? " MiB" : " KiB");
}

}  // namespace

bool Contents::is_under_way(const Content& content) {
  return content.state == State::kLooking || content.state == State::kFetching ||
         content.state == State::kAdding;
}

void Contents::need(const std::map<std::string, wire::ActionRef>& actions) {
  for (auto it = contents_.begin(); it != contents_.end();) {
    Content& content = it->second;
    content.needed = actions.count(it->first) > 0;
    // What is here stays known, so that it is not verified again; others begin anew if they must.
    const bool forget = !content.needed && content.state != State::kHere;
    it = forget ? contents_.erase(it) : std::next(it);
  }
  for (const auto& [sha256, action] : actions) {
    contents_.try_emplace(sha256, Content{action, State::kWanted, true, 0, {}, {}, {}});
  }
  if (!std::exchange(swept_, true)) sweep(0);
  start_those_that_wait();
}

// What is deleted is not known any more: asked for, it is looked for anew, after the sweep.
void Contents::sweep(uint64_t bytes_max) {
  SweepContents sweep;
  sweep.bytes_max = bytes_max;
  for (auto it = contents_.begin(); it != contents_.end();) {
    if (it->second.needed) {
      sweep.keep.insert(it->first);
      ++it;
    } else {
      it = contents_.erase(it);
    }
  }
  effects_.emplace_back(std::move(sweep));
}

void Contents::start_those_that_wait() {
  auto under_way =
      static_cast<size_t>(std::count_if(contents_.begin(), contents_.end(), [](const auto& entry) {
        return is_under_way(entry.second);
      }));
  for (auto& [sha256, content] : contents_) {
    if (under_way >= kFetchedAtOnce) return;
    if (content.state != State::kWanted) continue;
    content.state = State::kLooking;
    ++under_way;
    effects_.emplace_back(LookForContent{sha256, content.action.bytes});
  }
}

bool Contents::is_here(const std::string& sha256) const {
  const auto found = contents_.find(sha256);
  return found != contents_.end() && found->second.state == State::kHere;
}

std::string Contents::waits(const std::string& sha256) const {
  const auto found = contents_.find(sha256);
  if (found == contents_.end() || found->second.state == State::kHere) return {};
  const Content& content = found->second;
  std::string text = "waits for action " + content.action.name + ": " +
                     progress(content.offset, content.action.bytes);
  if (!content.error.empty()) text += "; " + content.error;
  return text;
}

void Contents::on_answer(const std::string& sha256, const ContentAnswer& answer, SteadyTime now) {
  const auto found = contents_.find(sha256);
  if (found == contents_.end()) return;
  Content& content = found->second;
  if (content.state != State::kLooking && content.state != State::kAdding) return;
  if (const auto* failed = std::get_if<ContentFailed>(&answer)) {
    fail(content, failed->what, now);
  } else {
    const bool fetched = content.state == State::kAdding;
    content.offset = std::get<ContentIs>(answer).offset;
    content.error.clear();
    content.state = State::kFetching;
    content.next_at = now;
    if (content.offset >= content.action.bytes) {
      content.state = State::kHere;
      content.pause = {};
      if (fetched) sweep(kCacheBytesMax);
    }
  }
  start_those_that_wait();
}

void Contents::on_data(const wire::ActionData& data, SteadyTime now) {
  const auto found = contents_.find(data.sha256);
  if (found == contents_.end()) return;
  Content& content = found->second;
  // An answer to a question that was asked twice.
  if (content.state != State::kFetching || data.offset != content.offset) return;
  if (data.data.value.empty()) {
    fail(content, "the broker has only " + std::to_string(content.offset) + " bytes of it", now);
    return;
  }
  content.state = State::kAdding;
  effects_.emplace_back(AddToContent{data.sha256, data.offset, data.data.value});
}

void Contents::on_refused(const std::string& sha256, const std::string& what, SteadyTime now) {
  const auto found = contents_.find(sha256);
  if (found == contents_.end() || found->second.state != State::kFetching) return;
  fail(found->second, "the broker: " + what, now);
}

void Contents::fail(Content& content, const std::string& what, SteadyTime now) {
  content.state = State::kPausing;
  content.error = what;
  content.pause = std::clamp(content.pause * 2, kContentPauseFirst, kContentPauseMax);
  content.next_at = now + content.pause;
}

void Contents::tick(bool connected, SteadyTime now) {
  const bool was_connected = std::exchange(connected_, connected);
  const bool new_connection = connected && !was_connected;
  for (auto& [sha256, content] : contents_) {
    const bool lost = new_connection && content.state == State::kFetching;
    if (now < content.next_at && !lost) continue;
    if (content.state == State::kPausing) {
      content.state = State::kWanted;
    } else if (content.state == State::kFetching) {
      content.next_at = now + kAskAgain;
      if (connected) effects_.emplace_back(AskForContent{sha256, content.offset});
    }
  }
  start_those_that_wait();
}

std::optional<SteadyTime> Contents::deadline() const {
  std::optional<SteadyTime> earliest;
  for (const auto& [sha256, content] : contents_) {
    if (content.state != State::kFetching && content.state != State::kPausing) continue;
    if (!earliest || content.next_at < *earliest) earliest = content.next_at;
  }
  return earliest;
}

std::vector<ContentEffect> Contents::take_effects() { return std::exchange(effects_, {}); }

}  // namespace weir::agent
