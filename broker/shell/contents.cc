#include "broker/shell/contents.h"

#include <chrono>
#include <utility>

#include "schema/base/log.h"

namespace weir::broker {
namespace {

content::SteadyTime now() { return std::chrono::steady_clock::now(); }

Status remove_others(content::Store& store, const std::set<std::string>& in_use) {
  const auto contents = store.list();
  if (!contents) return contents.error();
  Status all;
  for (const content::Content& content : *contents) {
    if (in_use.contains(content.sha256)) continue;
    if (Status removed = store.remove(content.sha256); !removed) all = std::move(removed);
  }
  return all;
}

void warn_if_failed(const Status& status) {
  if (!status) log::warn(status.error().what);
}

}  // namespace

Result<std::unique_ptr<Contents>> Contents::open(runtime::Loop& loop, const std::string& folder) {
  auto store = content::Store::open(folder);
  if (!store) return std::move(store).error();
  return std::unique_ptr<Contents>(new Contents(loop, *std::move(store)));
}

template <typename T, typename Job, typename Done>
void Contents::submit(Job job, Done done) {
  if (waiting_ >= kWaitingMax) return;
  ++waiting_;
  auto result = std::make_shared<Result<T>>(T{});
  worker_.submit(
      [store = store_, job = std::move(job), result]() -> Status {
        *result = job(*store);
        return {};
      },
      [this, done = std::move(done), result](const Status& /*status*/) {
        --waiting_;
        done(std::move(*result));
      });
}

void Contents::wanted(const std::string& sha256, uint64_t bytes, const OnOffset& done) {
  submit<uint64_t>(
      [sha256, bytes](content::Store& store) { return store.wanted(sha256, bytes, now()); },
      [this, sha256, bytes, done](Result<uint64_t> next) {
        // It may be among what is about to be removed: asked once more, behind that.
        if (next && *next == bytes && removing_ > 0) return wanted(sha256, bytes, done);
        done(std::move(next));
      });
}

void Contents::add(const std::string& sha256, uint64_t offset, std::string data,
                   const OnOffset& done) {
  submit<uint64_t>([sha256, offset, data = std::move(data)](
                       content::Store& store) { return store.add(sha256, offset, data, now()); },
                   done);
}

void Contents::read(const std::string& sha256, uint64_t offset, size_t bytes_max,
                    const OnData& done) {
  submit<std::string>([sha256, offset, bytes_max](
                          content::Store& store) { return store.read(sha256, offset, bytes_max); },
                      done);
}

void Contents::drop_silent_parts() {
  if (!worker_.idle()) return;  // Another time.
  worker_.submit(
      [store = store_]() -> Status {
        store->drop_silent_parts(now());
        return {};
      },
      warn_if_failed);
}

void Contents::keep_only(std::set<std::string> in_use) {
  ++removing_;
  worker_.submit(
      [store = store_, in_use = std::move(in_use)] { return remove_others(*store, in_use); },
      [this](const Status& status) {
        --removing_;
        warn_if_failed(status);
      });
}

}  // namespace weir::broker
