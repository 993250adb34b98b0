// The one file that sees msgpack.
#include "schema/wire/control.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <map>
#include <msgpack.hpp>

#include "schema/wire/control_check.h"
#include "schema/wire/control_fields.h"

namespace weir::wire {
namespace {

using std::chrono::milliseconds;

// A header of a few bytes may claim this many elements before a single one has arrived.
constexpr size_t kArrayMax = 1u << 16;
constexpr size_t kMapMax = 1u << 12;
constexpr size_t kDepthMax = 16;

struct StringBuffer {
  std::string& out;
  void write(const char* data, size_t size) { out.append(data, size); }
};
using Packer = msgpack::packer<StringBuffer>;

// ---- Writing -------------------------------------------------------------------------------

struct FieldCounter {
  uint32_t count = 0;
  template <typename T>
  void operator()(const char* /*name*/, const T& /*value*/) {
    ++count;
  }
};

class Writer {
 public:
  explicit Writer(Packer& packer) : packer_(packer) {}

  template <typename T>
  void operator()(const char* name, const T& value) {
    packer_.pack(std::string_view(name));
    put(value);
  }

  template <typename T>
  void put(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      packer_.pack(fields::word(value));
    } else if constexpr (std::is_same_v<T, char>) {
      packer_.pack_uint8(static_cast<uint8_t>(value));
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      packer_.pack(value);
    } else if constexpr (std::is_same_v<T, milliseconds>) {
      packer_.pack(value.count());
    } else if constexpr (std::is_same_v<T, Bytes>) {
      const auto size = static_cast<uint32_t>(value.value.size());
      packer_.pack_bin(size).pack_bin_body(value.value.data(), size);
    } else {
      put_structure(value);
    }
  }

 private:
  template <typename T>
  void put_structure(const T& value) {
    FieldCounter counter;
    fields::describe(counter, value);
    packer_.pack_map(counter.count);
    fields::describe(*this, value);
  }
  template <typename T>
  void put_structure(const std::vector<T>& values) {
    packer_.pack_array(static_cast<uint32_t>(values.size()));
    for (const T& value : values) put(value);
  }
  template <typename T>
  void put_structure(const std::map<std::string, T>& values) {
    packer_.pack_map(static_cast<uint32_t>(values.size()));
    for (const auto& [name, value] : values) {
      packer_.pack(name);
      put(value);
    }
  }
  template <typename T>
  void put_structure(const std::optional<T>& value) {
    if (value) {
      put(*value);
    } else {
      packer_.pack_nil();
    }
  }

  Packer& packer_;
};

template <typename T>
std::string to_bytes(const T& value) {
  std::string out;
  StringBuffer buffer{out};
  Packer packer(buffer);
  Writer(packer).put(value);
  return out;
}

// ---- Reading -------------------------------------------------------------------------------

// Remembers the first thing that was wrong; what it left unread keeps its default.
class Reader {
 public:
  Reader(const msgpack::object& object, std::string& wrong) : wrong_(wrong) {
    if (object.type == msgpack::type::MAP) {
      map_ = object.via.map;
    } else {
      fail("", "is not a map");
    }
  }

  template <typename T>
  void operator()(const char* name, T& value) {
    if (const msgpack::object* object = find(name)) get(name, *object, value);
  }

 private:
  const msgpack::object* find(std::string_view name) {
    // Fields nearly always come in the order in which they are asked for.
    for (uint32_t i = 0; i < map_.size; ++i) {
      const msgpack::object_kv& entry = map_.ptr[(next_ + i) % map_.size];
      if (entry.key.type != msgpack::type::STR) continue;
      if (std::string_view(entry.key.via.str.ptr, entry.key.via.str.size) != name) continue;
      next_ = (next_ + i + 1) % map_.size;
      return &entry.val;
    }
    return nullptr;
  }

  void fail(std::string_view name, std::string_view what) {
    if (!wrong_.empty()) return;
    wrong_ = std::string(name.empty() ? "the body" : name) + " " + std::string(what);
  }

  template <typename T>
  void get(const char* name, const msgpack::object& object, T& value) {
    if constexpr (std::is_enum_v<T>) {
      get_word(name, object, value);
    } else if constexpr (std::is_same_v<T, bool>) {
      if (object.type != msgpack::type::BOOLEAN) return fail(name, "is not true or false");
      value = object.via.boolean;
    } else if constexpr (std::is_same_v<T, milliseconds>) {
      int64_t count = 0;
      get_number(name, object, count);
      value = milliseconds(count);
    } else if constexpr (std::is_same_v<T, char>) {
      uint8_t byte = 0;
      get_number(name, object, byte);
      value = static_cast<char>(byte);
    } else if constexpr (std::is_integral_v<T>) {
      get_number(name, object, value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (object.type != msgpack::type::STR) return fail(name, "is not a text");
      value.assign(object.via.str.ptr, object.via.str.size);
    } else if constexpr (std::is_same_v<T, Bytes>) {
      if (object.type != msgpack::type::BIN) return fail(name, "is not binary");
      value.value.assign(object.via.bin.ptr, object.via.bin.size);
    } else {
      get_structure(name, object, value);
    }
  }

  template <typename T>
  void get_number(const char* name, const msgpack::object& object, T& value) {
    if (object.type == msgpack::type::POSITIVE_INTEGER) {
      if (!std::in_range<T>(object.via.u64)) return fail(name, "is out of range");
      value = static_cast<T>(object.via.u64);
    } else if (object.type == msgpack::type::NEGATIVE_INTEGER) {
      if (!std::in_range<T>(object.via.i64)) return fail(name, "is out of range");
      value = static_cast<T>(object.via.i64);
    } else {
      fail(name, "is not a whole number");
    }
  }

  template <typename E>
  void get_word(const char* name, const msgpack::object& object, E& value) {
    std::string text;
    get(name, object, text);
    const auto& words = fields::Words<E>::kAll;
    const auto found = std::find(words.begin(), words.end(), text);
    if (found == words.end()) return fail(name, "has an unknown word");
    value = static_cast<E>(found - words.begin());
  }

  template <typename T>
  void get_structure(const char* /*name*/, const msgpack::object& object, T& value) {
    Reader inner(object, wrong_);
    fields::describe(inner, value);
  }
  template <typename T>
  void get_structure(const char* name, const msgpack::object& object, std::vector<T>& values) {
    if (object.type != msgpack::type::ARRAY) return fail(name, "is not a list");
    values.clear();
    for (uint32_t i = 0; i < object.via.array.size && wrong_.empty(); ++i) {
      get(name, object.via.array.ptr[i], values.emplace_back());
    }
  }
  template <typename T>
  void get_structure(const char* name, const msgpack::object& object,
                     std::map<std::string, T>& values) {
    if (object.type != msgpack::type::MAP) return fail(name, "is not a map");
    values.clear();
    for (uint32_t i = 0; i < object.via.map.size && wrong_.empty(); ++i) {
      const msgpack::object_kv& entry = object.via.map.ptr[i];
      std::string key;
      get(name, entry.key, key);
      get(name, entry.val, values[key]);
    }
  }
  template <typename T>
  void get_structure(const char* name, const msgpack::object& object, std::optional<T>& value) {
    value.reset();
    if (object.type != msgpack::type::NIL) get(name, object, value.emplace());
  }

  msgpack::object_map map_{};
  uint32_t next_ = 0;
  std::string& wrong_;
};

// Strings are not copied out of `bytes`: it must outlive the handle.
Result<msgpack::object_handle> unpack(std::string_view bytes) {
  if (bytes.size() > kControlMessageBytesMax) {
    return Error{ErrorCode::kLimit, "control message: larger than any may be"};
  }
  const msgpack::unpack_limit limit(kArrayMax, kMapMax, kControlMessageBytesMax,
                                    kControlMessageBytesMax, 0, kDepthMax);
  const auto refer = [](msgpack::type::object_type /*type*/, size_t /*size*/, void* /*user*/) {
    return true;
  };
  try {
    size_t offset = 0;
    auto handle = msgpack::unpack(bytes.data(), bytes.size(), offset, refer, nullptr, limit);
    if (offset != bytes.size()) {
      return Error{ErrorCode::kCorrupt, "control message: something follows it"};
    }
    return handle;
  } catch (const std::exception& problem) {
    return Error{ErrorCode::kCorrupt, std::string("control message: ") + problem.what()};
  }
}

template <typename T>
Result<T> from_object(const msgpack::object& object) {
  T value;
  std::string wrong;
  Reader reader(object, wrong);
  fields::describe(reader, value);
  if (!wrong.empty()) return Error{ErrorCode::kInvalid, std::move(wrong)};
  return value;
}

template <typename T>
Result<T> from_bytes(std::string_view bytes) {
  auto handle = unpack(bytes);
  if (!handle) return std::move(handle).error();
  auto value = from_object<T>(handle->get());
  if (!value) return value;
  if (auto good = check(*value); !good) return Error(good.error());
  return value;
}

// ---- Messages ------------------------------------------------------------------------------

struct Header {
  uint32_t version = 0;
  std::string type;
  std::string request;
};
template <typename A>
void describe_header(A& archive, Header& header) {
  archive("version", header.version);
  archive("type", header.type);
  archive("request", header.request);
}

const msgpack::object* find_body(const msgpack::object& object) {
  for (uint32_t i = 0; i < object.via.map.size; ++i) {
    const msgpack::object_kv& entry = object.via.map.ptr[i];
    if (entry.key.type == msgpack::type::STR &&
        std::string_view(entry.key.via.str.ptr, entry.key.via.str.size) == "body") {
      return &entry.val;
    }
  }
  return nullptr;
}

// Tries the alternatives of Message one after the other.
template <size_t kIndex = 0>
Result<Message> decode_body(const std::string& type, const msgpack::object& body) {
  if constexpr (kIndex == std::variant_size_v<Message>) {
    return Message(Unknown{kControlVersion, type});
  } else {
    using M = std::variant_alternative_t<kIndex, Message>;
    if constexpr (!std::is_same_v<M, Unknown>) {
      if (type == fields::TypeName<M>::kValue) {
        auto message = from_object<M>(body);
        if (!message) return std::move(message).error();
        return Message(std::move(*message));
      }
    }
    return decode_body<kIndex + 1>(type, body);
  }
}

std::string cut(const std::string& text) { return text.substr(0, kErrorTextBytesMax); }

InstanceStatus bounded(InstanceStatus status) {
  status.last_error = cut(status.last_error);
  if (status.notes.size() > kNotesMax) status.notes.resize(kNotesMax);
  for (Note& note : status.notes) note.text = cut(note.text);
  return status;
}

constexpr size_t kStatusNotesBytesMax = 4u << 20;  // Of all instances of a pipeline.

// The newest that fit: who asks again gets the others from the events.
void keep_newest(std::vector<Note>& notes, size_t bytes_max) {
  size_t bytes = 0;
  auto first = notes.end();
  while (first != notes.begin()) {
    bytes += std::prev(first)->text.size();
    if (bytes > bytes_max) break;
    --first;
  }
  notes.erase(notes.begin(), first);
}

// All instances of a pipeline are one message.
void bound_notes(PipelineStatus& status) {
  size_t instances = 1;
  for (const NodeStatus& node : status.nodes) instances += node.instances.size();
  for (NodeStatus& node : status.nodes) {
    for (InstanceReport& report : node.instances) {
      report.status = bounded(std::move(report.status));
      keep_newest(report.status.notes, kStatusNotesBytesMax / instances);
    }
  }
}

// Texts for people have no limit of their own where they are made; a long one must not cost the
// message that carries it.
Message bounded(Message message) {
  const auto bound_all = [](std::vector<InstanceStatus>& all) {
    for (InstanceStatus& one : all) one = bounded(std::move(one));
  };
  if (auto* status = std::get_if<PipelineStatus>(&message)) bound_notes(*status);
  if (auto* refusal = std::get_if<Refusal>(&message)) refusal->what = cut(refusal->what);
  if (auto* report = std::get_if<WrapperReport>(&message)) {
    report->status = bounded(std::move(report->status));
  }
  if (auto* report = std::get_if<AgentReport>(&message)) bound_all(report->instances);
  if (auto* reg = std::get_if<AgentRegister>(&message)) bound_all(reg->instances);
  return message;
}

struct EncodeMessage {
  Packer& packer;
  template <typename T>
  void operator()(const T& message) const {
    Writer(packer).put(message);
  }
  void operator()(const Unknown& /*message*/) const {
    WEIR_CHECK(false, "an unknown message is never sent");
  }
};

}  // namespace

Result<std::string> encode(const Envelope& envelope) {
  std::string out;
  StringBuffer buffer{out};
  Packer packer(buffer);
  packer.pack_map(4);
  packer.pack(std::string_view("version"));
  packer.pack(kControlVersion);
  packer.pack(std::string_view("type"));
  packer.pack(type_name(envelope.message));
  packer.pack(std::string_view("request"));
  packer.pack(envelope.request);
  packer.pack(std::string_view("body"));
  std::visit(EncodeMessage{packer}, bounded(envelope.message));
  if (out.size() > kControlMessageBytesMax) {
    return Error{ErrorCode::kLimit, std::string(type_name(envelope.message)) + ": has " +
                                        std::to_string(out.size()) + " bytes where at most " +
                                        std::to_string(kControlMessageBytesMax) + " are allowed"};
  }
  return out;
}

Result<Envelope> decode(std::string_view bytes) {
  auto handle = unpack(bytes);
  if (!handle) return std::move(handle).error();
  std::string wrong;
  Header header;
  Reader reader(handle->get(), wrong);
  describe_header(reader, header);
  if (wrong.empty() && header.request.size() > kRequestIdBytesMax) wrong = "request is too long";
  if (!wrong.empty() || header.type.empty()) {
    return Error{ErrorCode::kCorrupt, "control message: " + (wrong.empty() ? "no type" : wrong)};
  }
  if (header.version != kControlVersion) {
    return Envelope{header.request, Unknown{header.version, header.type}};
  }
  const msgpack::object* body = find_body(handle->get());
  if (body == nullptr) return Error{ErrorCode::kInvalid, header.type + ": has no body"};
  auto message = decode_body(header.type, *body);
  if (!message) return std::move(message).error().in(header.type);
  if (auto good = check(*message); !good) return Error(good.error()).in(header.type);
  return Envelope{header.request, std::move(*message)};
}

std::string request_of(std::string_view bytes) {
  auto handle = unpack(bytes);
  if (!handle) return {};
  std::string wrong;
  Header header;
  Reader reader(handle->get(), wrong);
  describe_header(reader, header);
  return header.request.size() <= kRequestIdBytesMax ? header.request : std::string();
}

std::string_view type_name(const Message& message) {
  return std::visit(
      [](const auto& m) { return fields::TypeName<std::decay_t<decltype(m)>>::kValue; }, message);
}

std::string encode_spec(const graph::PipelineSpec& spec) { return to_bytes(spec); }
std::string encode_node(const graph::NodeSpec& node) { return to_bytes(node); }
std::string encode_order(const StartOrder& order) { return to_bytes(order); }
std::string encode_status(const InstanceStatus& status) { return to_bytes(bounded(status)); }
std::string encode_run(const PipelineRun& run) { return to_bytes(run); }

Result<graph::PipelineSpec> decode_spec(std::string_view bytes) {
  return from_bytes<graph::PipelineSpec>(bytes);
}
Result<graph::NodeSpec> decode_node(std::string_view bytes) {
  return from_bytes<graph::NodeSpec>(bytes);
}
Result<StartOrder> decode_order(std::string_view bytes) { return from_bytes<StartOrder>(bytes); }
Result<InstanceStatus> decode_status(std::string_view bytes) {
  return from_bytes<InstanceStatus>(bytes);
}
Result<PipelineRun> decode_run(std::string_view bytes) { return from_bytes<PipelineRun>(bytes); }

std::string encode_dead_letter(const DeadLetter& letter) { return to_bytes(letter); }
Result<DeadLetter> decode_dead_letter(std::string_view bytes) {
  return from_bytes<DeadLetter>(bytes);
}

std::string_view to_string(PipelineState state) { return fields::word(state); }
std::string_view to_string(InstanceState state) { return fields::word(state); }

}  // namespace weir::wire
