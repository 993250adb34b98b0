// Collects what is wrong with one file.
#pragma once

#include <string>
#include <utility>

#include "schema/config/toml_document.h"
#include "schema/graph/diagnostic.h"

namespace weir::config {

class Reporter {
 public:
  explicit Reporter(graph::Source source) : source_(std::move(source)) {}

  void at(Position position, std::string message, std::string hint = "") {
    at_offset(offset_of(position), std::move(message), std::move(hint));
  }
  void warn(Position position, std::string message, std::string hint = "") {
    if (warnings_.size() >= graph::kDiagnosticsMax) return;
    warnings_.push_back(
        graph::diagnostic_at(source_, offset_of(position), std::move(message), std::move(hint)));
    warnings_.back().severity = graph::Severity::kWarning;
  }
  void at_offset(size_t offset, std::string message, std::string hint = "") {
    add(graph::diagnostic_at(source_, offset, std::move(message), std::move(hint)));
  }
  void overall(std::string message, std::string hint = "") {
    add(graph::diagnostic_for(source_, std::move(message), std::move(hint)));
  }

  size_t offset_of(Position position) const {
    return graph::offset_of(source_.text, position.line, position.column);
  }
  const graph::Source& source() const { return source_; }
  // Nothing more is collected; loops over hostile input may stop.
  bool is_full() const { return diagnostics_.size() >= kCollectedMax; }
  bool has_problems() const { return !diagnostics_.empty(); }

  graph::Diagnostics take() {
    graph::tidy(diagnostics_);
    return std::move(diagnostics_);
  }
  graph::Diagnostics take_warnings() {
    graph::tidy(warnings_);
    return std::move(warnings_);
  }

 private:
  // Many more than are shown, so that what is shown is most likely the first in the text.
  static constexpr size_t kCollectedMax = 4 * graph::kDiagnosticsMax;

  void add(graph::Diagnostic diagnostic) {
    if (!is_full()) diagnostics_.push_back(std::move(diagnostic));
  }

  graph::Source source_;
  graph::Diagnostics diagnostics_;
  graph::Diagnostics warnings_;
};

}  // namespace weir::config
