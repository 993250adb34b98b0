#include "ctl/actions/upload.h"

#include <optional>
#include <utility>

#include "schema/content/sha256.h"

namespace weir::ctl {
namespace {

// A broker that is started anew has lost what was under way; then it begins again at 0.
constexpr int kBeginningsMax = 10;
// Somebody else who uploads the same may be ahead of us now and then, but not always.
constexpr int kUselessPiecesMax = 10;

// Where the upload stands after the broker has been asked.
struct Standing {
  std::optional<wire::ActionRef> stored;
  uint64_t wanted = 0;
};

Result<Standing> ask_put(Broker& broker, const wire::ActionPut& put) {
  auto answers = broker.ask_all({put}, Broker::kAnswerWait);
  Result<wire::Message>& answer = answers.front();
  if (!answer) return std::move(answer).error();
  if (auto* stored = std::get_if<wire::ActionStored>(&*answer)) return Standing{stored->action, 0};
  auto wanted = Broker::as<wire::ActionWanted>(std::move(answer));
  if (!wanted) return std::move(wanted).error();
  return Standing{std::nullopt, wanted->offset};
}

// Sends pieces from there on. True: all are there; false: the broker knows nothing of it any more.
Result<bool> send_pieces(Broker& broker, const ActionFile& file, uint64_t offset,
                         const OnPiece& on_piece) {
  int useless = 0;
  while (offset < file.bytes()) {
    if (useless > kUselessPiecesMax) return false;
    on_piece(offset, file.bytes());
    Result<std::string> piece = file.read(offset, wire::kActionChunkBytesMax);
    if (!piece) return std::move(piece).error();
    auto wanted = broker.ask<wire::ActionWanted>(
        wire::ActionChunk{file.sha256(), offset, wire::Bytes{*std::move(piece)}});
    if (!wanted && wanted.error().code == ErrorCode::kNotFound) return false;
    if (!wanted && wanted.error().code == ErrorCode::kCorrupt) {
      if (Status same = file.check_unchanged(); !same) return std::move(same).error();
    }
    if (!wanted) return std::move(wanted).error();
    useless = wanted->offset > offset ? 0 : useless + 1;
    offset = wanted->offset;
  }
  on_piece(file.bytes(), file.bytes());
  return true;
}

}  // namespace

Result<Uploaded> upload_action(Broker& broker, const std::string& name, const ActionFile& file,
                               const OnPiece& on_piece) {
  const auto newest = broker.ask<wire::ActionStored>(wire::ActionFind{name, 0});
  if (!newest && newest.error().code != ErrorCode::kNotFound) return newest.error();
  const bool is_known = newest && newest->action.sha256 == file.sha256();
  const wire::ActionPut put{name, file.sha256(), file.bytes()};
  for (int beginning = 0; beginning < kBeginningsMax; ++beginning) {
    Result<Standing> standing = ask_put(broker, put);
    if (!standing) return std::move(standing).error();
    if (standing->stored) {
      if (Status same = file.check_unchanged(); !same) return std::move(same).error();
      return Uploaded{*std::move(standing->stored), !is_known};
    }
    const Result<bool> sent = send_pieces(broker, file, standing->wanted, on_piece);
    if (!sent) return sent.error();
  }
  return Error{ErrorCode::kUnavailable,
               "the broker lost the upload of " + file.path() + " again and again; try again"};
}

Status fetch_action(Broker& broker, const wire::ActionRef& action,
                    const std::function<Status(std::string_view)>& write, const OnPiece& on_piece) {
  const auto damaged = [&](const std::string& how) {
    return Error{ErrorCode::kCorrupt, "action \"" + action.name + "\", version " +
                                          std::to_string(action.version) + ": " + how};
  };
  content::Sha256 hash;
  for (uint64_t offset = 0; offset < action.bytes;) {
    on_piece(offset, action.bytes);
    auto data = broker.ask<wire::ActionData>(wire::ActionFetch{action.sha256, offset});
    if (!data) return std::move(data).error();
    const std::string& bytes = data->data.value;
    if (data->offset != offset || bytes.empty() || bytes.size() > action.bytes - offset) {
      return damaged("the broker sent fewer or other bytes than it announced");
    }
    hash.add(bytes);
    if (Status written = write(bytes); !written) return written;
    offset += bytes.size();
  }
  on_piece(action.bytes, action.bytes);
  if (hash.finish() != action.sha256)
    return damaged("what was received does not match its SHA-256");
  return {};
}

}  // namespace weir::ctl
