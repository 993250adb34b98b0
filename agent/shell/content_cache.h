// The folder of uploaded actions: looks for contents, verifies, adds to and deletes them, on a
// thread of its own, because hashes and syncs of large files take their time.
//
// Owns the thread. Thread: loop. What survives a crash: whole files; what was on its way does not.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "agent/core/contents.h"
#include "schema/content/store.h"
#include "schema/runtime/worker.h"

namespace weir::agent {

class ContentCache {
 public:
  using OnAnswer = std::function<void(const std::string& sha256, const ContentAnswer& answer)>;

  // Makes the folder; its parent must be there.
  static Result<std::unique_ptr<ContentCache>> open(runtime::Loop& loop, const std::string& folder);

  // Answers come later, in order. AskForContent is not for this.
  void carry_out(const ContentEffect& effect, const OnAnswer& on_answer);

 private:
  // Used by jobs only, one after the other.
  struct Files {
    content::Store store;
    std::set<std::string> verified;  // By this process, or written by it.
  };

  ContentCache(runtime::Loop& loop, content::Store store);
  static Result<uint64_t> look(Files& files, const LookForContent& effect);
  static Result<uint64_t> add(Files& files, const AddToContent& effect);
  static Status sweep(Files& files, const SweepContents& effect);

  std::shared_ptr<Files> files_;
  runtime::Worker worker_;
};

}  // namespace weir::agent
