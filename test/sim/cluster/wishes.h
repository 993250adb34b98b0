// Somebody with weirctl who changes his mind while things break: stops the pipeline and runs it
// again, ends it before its time, or removes it with all that its logs hold and puts it anew. One
// thing after the other; in the end it is wanted to run.
#pragma once

#include <functional>

#include "schema/wire/control.h"

namespace weir::sim {

class Cluster;

class Wishes {
 public:
  explicit Wishes(Cluster& cluster) : cluster_(cluster) {}

  void stop_and_run();
  void end_early();
  void remove_and_begin_anew();
  // What was begun is not over yet.
  bool busy() const { return busy_; }

 private:
  using Seen = std::function<bool(const wire::Message& status)>;

  void say(wire::Message wish, std::function<void()> then);
  void wait_until(Seen seen, std::function<void()> then);
  void run();

  Cluster& cluster_;
  bool busy_ = false;
};

}  // namespace weir::sim
