#include "agent/core/rates.h"

namespace weir::agent {
namespace {

uint64_t rate(uint64_t before, uint64_t now, std::chrono::milliseconds time) {
  if (now <= before) return 0;
  return (now - before) * 1000 / static_cast<uint64_t>(time.count());
}

}  // namespace

void Rates::on_report(const wire::InstanceStatus& status, SteadyTime now) {
  const Figures figures{status.records_in, status.records_out, status.bytes_in, status.bytes_out};
  if (since_) {
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(now - *since_);
    if (time < kRateTimeMin) return;
    per_second_ = {rate(before_.records_in, figures.records_in, time),
                   rate(before_.records_out, figures.records_out, time),
                   rate(before_.bytes_in, figures.bytes_in, time),
                   rate(before_.bytes_out, figures.bytes_out, time)};
  }
  since_ = now;
  before_ = figures;
}

void Rates::put(wire::InstanceStatus& status) const {
  status.records_in_per_second = per_second_.records_in;
  status.records_out_per_second = per_second_.records_out;
  status.bytes_in_per_second = per_second_.bytes_in;
  status.bytes_out_per_second = per_second_.bytes_out;
}

}  // namespace weir::agent
