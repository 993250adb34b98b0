// The contents of uploaded actions at the broker: their hashes and syncs take their time, so a
// thread of its own does it all, one thing after the other, and the loop never waits.
//
// Owns the thread. Thread: loop; answers come there, never from within the question. What survives
// a crash: contents that are complete.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "schema/content/store.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/worker.h"

namespace weir::broker {

class Contents {
 public:
  using OnOffset = std::function<void(Result<uint64_t> next)>;
  using OnData = std::function<void(Result<std::string> data)>;
  // That may wait for the disk, each with a chunk. What is beyond is dropped: whoever asks asks
  // again.
  static constexpr size_t kWaitingMax = 64;

  // Makes the folder; its parent must be there.
  static Result<std::unique_ptr<Contents>> open(runtime::Loop& loop, const std::string& folder);

  // See content::Store. What is told of complete content holds when it is told, as long as it is in
  // use from then on.
  void wanted(const std::string& sha256, uint64_t bytes, const OnOffset& done);
  void add(const std::string& sha256, uint64_t offset, std::string data, const OnOffset& done);
  void read(const std::string& sha256, uint64_t offset, size_t bytes_max, const OnData& done);
  void drop_silent_parts();
  // Removes what is complete and not in use.
  void keep_only(std::set<std::string> in_use);

 private:
  Contents(runtime::Loop& loop, content::Store store)
      : store_(std::make_shared<content::Store>(std::move(store))), worker_(loop) {}

  template <typename T, typename Job, typename Done>
  void submit(Job job, Done done);

  std::shared_ptr<content::Store> store_;  // Used by jobs only.
  runtime::Worker worker_;
  size_t waiting_ = 0;
  size_t removing_ = 0;  // Of what was not in use when that was asked for.
};

}  // namespace weir::broker
