#include <string>
#include <vector>

#include "ctl/client/inspection.h"
#include "ctl/dead/letters.h"
#include "schema/base/codec.h"

namespace weir::ctl {
namespace {

// Readers that need records apart take none over 100 MiB.
constexpr uint64_t kRecordBytesMax = 128ull << 20;

}  // namespace

Status read_dead_letters(const std::string& log_dir, const LetterFilter& filter,
                         const OnDeadLetter& on_letter) {
  std::vector<std::string> words{"dead", log_dir};
  if (!filter.id.empty()) words.insert(words.end(), {"--id", filter.id});
  if (filter.record_bytes_max) {
    words.insert(words.end(), {"--record-bytes", std::to_string(*filter.record_bytes_max)});
  }
  Result<Inspection> run = Inspection::start(words);
  if (!run) return std::move(run).error();
  while (true) {
    const Result<std::string> length = run->read(4);
    if (!length) return length.error();
    if (length->empty()) {
      Status ended = run->wait();
      const bool absent = !ended && ended.error().code == ErrorCode::kNotFound;
      return absent && !filter.id.empty() ? Status() : ended;
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
