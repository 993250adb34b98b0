#include "wrapper/core/reader_endpoints.h"

namespace weir::core {

ReaderEndpoints::ReaderEndpoints(const std::vector<wire::ReaderOrder>& readers)
    : readers_(readers) {
  for (wire::ReaderOrder& reader : readers_) reader.endpoint.clear();
}

std::vector<size_t> ReaderEndpoints::move(const std::vector<wire::ReaderOrder>& readers) {
  std::vector<size_t> moved;
  for (const wire::ReaderOrder& reader : readers) {
    for (size_t i = 0; i < readers_.size(); ++i) {
      if (readers_[i].name != reader.name || readers_[i].endpoint == reader.endpoint) continue;
      readers_[i].endpoint = reader.endpoint;
      moved.push_back(i);
    }
  }
  return moved;
}

}  // namespace weir::core
