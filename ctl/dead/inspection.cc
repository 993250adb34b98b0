#include "ctl/dead/inspection.h"

#include <vector>

#include "ctl/inspection.h"
#include "schema/base/codec.h"

namespace weir::ctl {
namespace {

// Readers that need records apart take none over 100 MiB.
constexpr uint64_t kRecordBytesMax = 128ull << 20;

}  // namespace

Status read_dead_letters(const DeadLetterQuery& query, const OnDeadLetter& on_letter) {
  std::vector<std::string> words{"dead", query.log_dir};
  if (!query.id.empty()) words.insert(words.end(), {"--id", query.id});
  if (query.record_bytes_max) {
    words.insert(words.end(), {"--record-bytes", std::to_string(*query.record_bytes_max)});
  }
  Result<Inspection> run = Inspection::start(words);
  if (!run) return std::move(run).error();
  while (true) {
    const Result<std::string> length = run->read(4);
    if (!length) return length.error();
    if (length->empty()) {
      Status ended = run->wait();
      const bool absent = !ended && ended.error().code == ErrorCode::kNotFound;
      return absent && !query.id.empty() ? Status() : ended;
    }
    const uint32_t bytes = Decoder(*length).u32();
    if (length->size() < 4 || bytes > wire::kDeadLetterTextBytesMax)
      return strange_answer("a length");
    const Result<std::string> text = run->read(bytes);
    if (!text) return text.error();
    const Result<wire::DeadLetter> letter = wire::decode_dead_letter(*text);
    if (!letter) return strange_answer(letter.error().what);
    if (letter->sent_bytes > kRecordBytesMax) return strange_answer("the length of a record");
    const Result<std::string> record = run->read(letter->sent_bytes);
    if (!record) return record.error();
    if (record->size() < letter->sent_bytes) return strange_answer("a record is cut off");
    if (!on_letter(*letter, *record)) return {};
  }
}

}  // namespace weir::ctl
