#include "agent/shell/content_cache.h"

#include <utility>

#include "schema/base/failpoint.h"
#include "schema/base/log.h"

namespace weir::agent {
namespace {

content::SteadyTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

Result<std::unique_ptr<ContentCache>> ContentCache::open(runtime::Loop& loop,
                                                         const std::string& folder) {
  auto store = content::Store::open(folder);
  if (!store) return std::move(store).error();
  return std::unique_ptr<ContentCache>(new ContentCache(loop, std::move(*store)));
}

ContentCache::ContentCache(runtime::Loop& loop, content::Store store)
    : files_(std::make_shared<Files>(Files{std::move(store), {}})), worker_(loop) {}

void ContentCache::carry_out(const ContentEffect& effect, const OnAnswer& on_answer) {
  if (const auto* sweeping = std::get_if<SweepContents>(&effect)) {
    worker_.submit([files = files_, what = *sweeping] { return sweep(*files, what); },
                   [](const Status& status) {
                     if (!status) log::warn(status.error().what);
                   });
    return;
  }
  const auto* const looking = std::get_if<LookForContent>(&effect);
  const auto* const adding = std::get_if<AddToContent>(&effect);
  if (looking == nullptr && adding == nullptr) return;
  const std::string sha256 = looking != nullptr ? looking->sha256 : adding->sha256;
  struct Outcome {
    uint64_t next = 0;
    bool stored = false;
  };
  auto outcome = std::make_shared<Outcome>();
  const auto job = [files = files_, effect, outcome]() -> Status {
    const auto* const chunk = std::get_if<AddToContent>(&effect);
    auto next =
        chunk != nullptr ? add(*files, *chunk) : look(*files, std::get<LookForContent>(effect));
    if (!next) return std::move(next).error();
    *outcome = {*next, chunk != nullptr && files->verified.contains(chunk->sha256)};
    return {};
  };
  worker_.submit(job, [on_answer, sha256, outcome](const Status& status) {
    if (outcome->stored) failpoint("agent.action_stored");
    on_answer(sha256, status ? ContentAnswer(ContentIs{outcome->next})
                             : ContentAnswer(ContentFailed{status.error().what}));
  });
}

Result<uint64_t> ContentCache::look(Files& files, const LookForContent& effect) {
  const std::string& sha256 = effect.sha256;
  if (files.store.has(sha256) && !files.verified.contains(sha256)) {
    const auto good = files.store.verify(sha256);
    if (!good) return Error(good.error());
    if (*good) {
      files.verified.insert(sha256);
    } else {
      log::error("the copy of action " + sha256 + " is damaged: it is fetched again");
      if (auto removed = files.store.remove(sha256); !removed) return Error(removed.error());
    }
  }
  return files.store.wanted(sha256, effect.bytes, now());
}

Result<uint64_t> ContentCache::add(Files& files, const AddToContent& effect) {
  auto next = files.store.add(effect.sha256, effect.offset, effect.data, now());
  // Its hash was looked at when it became whole.
  if (next && files.store.has(effect.sha256)) files.verified.insert(effect.sha256);
  return next;
}

Status ContentCache::sweep(Files& files, const SweepContents& effect) {
  const auto contents = files.store.list();
  if (!contents) return Error(contents.error());
  uint64_t bytes = 0;
  for (const content::Content& content : *contents) bytes += content.bytes;
  files.store.drop_silent_parts(now());
  if (bytes <= effect.bytes_max) return {};
  for (const content::Content& content : *contents) {
    if (effect.keep.contains(content.sha256)) continue;
    if (auto removed = files.store.remove(content.sha256); !removed) return removed;
    files.verified.erase(content.sha256);
  }
  return {};
}

}  // namespace weir::agent
