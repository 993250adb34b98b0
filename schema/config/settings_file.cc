#include "schema/config/settings_file.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <limits>
#include <sstream>

#include "schema/graph/suggest.h"

namespace weir::config {
namespace {

constexpr size_t kTextsMax = 16;
constexpr uint64_t kSizeMax = 1ull << 50;
constexpr std::chrono::milliseconds kDurationMax{24ll * 3600 * 1000};

// Through a value of its own, so that the file's is checked although it does not count.
template <typename T, typename Read>
auto take_into(T& out, bool given, Read read) {
  return [&out, given, read](ValueReader& reader, const TomlValue& value) {
    T taken{};
    if (read(reader, value, taken) && !given) out = std::move(taken);
  };
}

}  // namespace

void SettingsFile::text(std::string key, std::string& out, bool given) {
  add(std::move(key),
      take_into(out, given, [](ValueReader& reader, const TomlValue& value, std::string& taken) {
        if (!reader.string(value, taken)) return false;
        if (taken.empty())
          reader.report(value, "it is empty", "say what it is to be, or leave it out");
        return !taken.empty();
      }));
}

void SettingsFile::texts(std::string key, std::vector<std::string>& out, bool given) {
  add(std::move(key),
      take_into(out, given,
                [](ValueReader& reader, const TomlValue& value, std::vector<std::string>& taken) {
                  if (value.kind == TomlValue::Kind::kArray) {
                    return reader.strings(value, kTextsMax, taken);
                  }
                  return reader.string(value, taken.emplace_back());
                }));
}

void SettingsFile::flag(std::string key, bool& out, bool given) {
  add(std::move(key),
      take_into(out, given, [](ValueReader& reader, const TomlValue& value, bool& taken) {
        return reader.boolean(value, taken);
      }));
}

void SettingsFile::size(std::string key, uint64_t& out, bool given) {
  add(std::move(key),
      take_into(out, given, [](ValueReader& reader, const TomlValue& value, uint64_t& taken) {
        return reader.size(value, 1, kSizeMax, taken);
      }));
}

void SettingsFile::duration(std::string key, std::chrono::milliseconds& out, bool given) {
  add(std::move(key),
      take_into(out, given,
                [](ValueReader& reader, const TomlValue& value, std::chrono::milliseconds& taken) {
                  return reader.duration(value, std::chrono::milliseconds(0), kDurationMax, taken);
                }));
}

void SettingsFile::choice(std::string key, const std::vector<std::string>& values, std::string& out,
                          bool given) {
  std::vector<std::pair<std::string, std::string>> choices;
  choices.reserve(values.size());
  for (const std::string& value : values) choices.emplace_back(value, value);
  add(std::move(key),
      take_into(out, given,
                [choices](ValueReader& reader, const TomlValue& value, std::string& taken) {
                  return reader.choice(value, choices, taken);
                }));
}

std::vector<std::string> SettingsFile::names() const {
  std::vector<std::string> all;
  all.reserve(keys_.size());
  for (const auto& [key, take] : keys_) all.push_back(key);
  return all;
}

Status SettingsFile::read(const std::string& path) const {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || file.bad()) return errno_error("read " + path, errno);
  const std::string content = text.str();
  return read(graph::Source{path, content});
}

Status SettingsFile::read(const graph::Source& source) const {
  graph::Checked<TomlValue> document = parse_toml(source);
  if (!document) return graph::to_error(document.diagnostics);
  Reporter reporter(source);
  for (const TomlValue& value : document.value->items) {
    const auto known = std::find_if(keys_.begin(), keys_.end(),
                                    [&](const auto& key) { return key.first == value.key; });
    if (known == keys_.end()) {
      reporter.at(value.key_at, "unknown key '" + graph::printable(value.key) + "'",
                  graph::did_you_mean(value.key, names()));
      continue;
    }
    ValueReader reader(value.key, reporter);
    known->second(reader, value);
  }
  if (reporter.has_problems()) return graph::to_error(reporter.take());
  return {};
}

}  // namespace weir::config
