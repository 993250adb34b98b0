// The logs of a pipeline's instances wherever they run, read through the broker, as a source of
// lines. Follows them over rotation, restarts, agents that are away, and to another agent.
//
// Asks and waits: a poll() takes as long as the slowest agent, up to kAnswerWait. Thread: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ctl/client/broker.h"
#include "ctl/logs/log_source.h"
#include "schema/graph/pipeline.h"

namespace weir::ctl {

struct BrokerLogsConfig {
  std::string pipeline;
  std::vector<std::string> nodes;  // In this order.
  wire::LogKind kind = wire::LogKind::kStderr;
  // Of what is there only so many last lines of each instance.
  std::optional<size_t> tail{};
  bool follow = false;  // False: what there is by now is all that is wanted, node by node.
  // What somebody should know: an agent is away, lines are missing.
  std::function<void(const std::string& text)> on_note;
};

class BrokerLogs : public LogSource {
 public:
  static constexpr size_t kLineBytesMax = 64u << 10;  // Longer ones are handed out in pieces.
  static constexpr std::chrono::milliseconds kAnswerWait{5'000};
  static constexpr std::chrono::milliseconds kLookForMoves{1'000};

  BrokerLogs(Broker& broker, BrokerLogsConfig config)
      : broker_(broker), config_(std::move(config)) {}

  // kNotFound: the pipeline is gone.
  Result<Progress> poll(const OnLine& on_line) override;
  bool is_complete() override;
  void finish(const OnLine& on_line) override;
  // Some of what was wanted could not be had, and was told.
  bool is_incomplete() const { return is_incomplete_; }

 private:
  // One instance of one node.
  struct Reader {
    wire::InstanceKey key;
    std::string label;  // "even", or "even.1".
    std::string agent;
    uint64_t file = 0;  // Where to go on, as the agent calls it.
    uint64_t offset = 0;
    std::string partial;      // The beginning of a line.
    bool is_at_end = false;   // That was all for now.
    bool is_away = false;     // Told already.
    bool has_begun = false;   // With the first bytes that are wanted.
    uint64_t tail_bytes = 0;  // How far back the search for the last lines went.
    std::string tail_text;    // What that has found.
  };

  Status look_for_moves(const OnLine& on_line);
  Reader& reader_of(const wire::InstanceKey& key, const std::string& label);
  // A question to an agent, and what it said.
  struct Asked {
    size_t reader = 0;  // Index.
    std::string agent;
    Result<wire::LogData> answer;
  };

  std::vector<Asked> next_readers() const;
  wire::LogRead question(const Reader& reader) const;
  bool take_all(std::vector<Asked> asked, const OnLine& on_line);
  void take(Reader& reader, Result<wire::LogData> answer, const OnLine& on_line);
  void take_tail(Reader& reader, const wire::LogData& data, const OnLine& on_line);
  void take_error(Reader& reader, const Error& error);
  void hand_out(Reader& reader, const OnLine& on_line, bool all);
  void begin_anew(Reader& reader, const OnLine& on_line);

  Broker& broker_;
  BrokerLogsConfig config_;
  std::vector<Reader> readers_;  // In the order of config_.nodes.
  std::optional<Broker::Time> looked_at_;
  bool is_incomplete_ = false;
  bool is_completed_ = false;  // The pipeline is, as the broker said last.
};

}  // namespace weir::ctl
