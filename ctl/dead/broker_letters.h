// The dead letters of a pipeline's nodes wherever they are, asked for through the broker.
// Thread: one; each call waits for its answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/client/broker.h"
#include "ctl/dead/inspection.h"

namespace weir::ctl {

// The instances of these nodes (of all, without names) that were ever placed on an agent.
Result<std::vector<wire::InstanceKey>> placed_instances(Broker& broker, const std::string& pipeline,
                                                        const std::vector<std::string>& nodes);

struct BrokerLettersQuery {
  wire::InstanceKey instance;
  std::string id{};                            // Only this one; empty: all.
  std::optional<uint64_t> record_bytes_max{};  // Of each record; the rest is left out.
};

// As read_dead_letters() of a folder. An instance of which nothing is kept has none.
Status read_dead_letters(Broker& broker, const BrokerLettersQuery& query,
                         const OnDeadLetter& on_letter);

}  // namespace weir::ctl
