// A small TOML file with the settings of one process: keys are its options with underscores in
// place of dashes. What the command line says wins.
//
//   # weir-agent --config FILE
//   name = "alpha"
//   broker = "tcp://127.0.0.1:7700"
//   log_limit = "8GiB"
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/base/result.h"
#include "schema/config/value_reader.h"
#include "schema/graph/diagnostic.h"

namespace weir::config {

// First say which keys there are and where their values go, then read. `out` keeps its value if the
// file does not have the key, or if the command line gave it (`given`); the file's value is checked
// all the same.
class SettingsFile {
 public:
  void text(std::string key, std::string& out, bool given = false);
  // One text, or a list of them.
  void texts(std::string key, std::vector<std::string>& out, bool given = false);
  void flag(std::string key, bool& out, bool given = false);
  void size(std::string key, uint64_t& out, bool given = false);
  void duration(std::string key, std::chrono::milliseconds& out, bool given = false);
  void choice(std::string key, const std::vector<std::string>& values, std::string& out,
              bool given = false);

  // kInvalid: all that is wrong with it, with lines; kNotFound, kIo: it cannot be read.
  Status read(const std::string& path) const;
  // The same for a text that is there already.
  Status read(const graph::Source& source) const;

 private:
  using Take = std::function<void(ValueReader& reader, const TomlValue& value)>;

  void add(std::string key, Take take) { keys_.emplace_back(std::move(key), std::move(take)); }
  std::vector<std::string> names() const;

  std::vector<std::pair<std::string, Take>> keys_;
};

}  // namespace weir::config
