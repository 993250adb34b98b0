#include "ctl/cli/pipeline_input.h"

#include <fcntl.h>

#include <cerrno>
#include <istream>
#include <utility>

#include "schema/base/unique_fd.h"
#include "schema/config/toml_document.h"
#include "schema/graph/expression.h"
#include "schema/wire/control.h"

namespace weir::ctl {
namespace {

constexpr size_t kBytesMax = config::kTomlBytesMax;

Error too_large(const std::string& name) {
  return Error{ErrorCode::kLimit, name + ": more than " + std::to_string(kBytesMax) +
                                      " bytes, the most that a "
                                      "pipeline file may have"};
}

Result<std::string> read_stream(std::istream& in, const std::string& name) {
  std::string text(kBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return Error{ErrorCode::kIo, name + ": standard input cannot be read"};
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > kBytesMax) return too_large(name);
  return text;
}

Result<std::string> read_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    Error error = errno_error(path, errno);
    if (errno == ENOENT) error.code = ErrorCode::kNotFound;
    return error;
  }
  std::string text(kBytesMax + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(fd.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error(path, errno);
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  if (size > kBytesMax) return too_large(path);
  text.resize(size);
  return text;
}

// What is called good here must not be refused by the broker.
graph::Checked<graph::PipelineSpec> as_the_broker_has_it(
    const std::string& name, graph::Checked<graph::PipelineSpec> checked) {
  if (!checked) return checked;
  const Result<std::string> bytes = wire::encode({"check", wire::PipelinePut{*checked.value}});
  const Result<wire::Envelope> read =
      bytes ? wire::decode(*bytes) : Result<wire::Envelope>(bytes.error());
  if (read) return checked;
  checked.value.reset();
  checked.warnings.clear();
  checked.diagnostics.push_back(graph::diagnostic_for({name, ""}, read.error().what));
  return checked;
}

}  // namespace

graph::Checked<graph::PipelineSpec> load_expressions(const std::vector<std::string>& expressions) {
  return as_the_broker_has_it(std::string(graph::kExpressionSourceName),
                              graph::spec_from_expressions(expressions));
}

void add_pipeline_input(Command command, PipelineInput& input) {
  command.argument({.names = "FILE", .help = "a pipeline file; - is standard input"}, input.file);
  command.option({.names = "-e,--expression",
                  .type = "EXPR",
                  .help = "an expression of commands in quotes instead of a file"},
                 [&input](const std::string& text) {
                   input.expression = text;
                   input.has_expression = true;
                   return Status();
                 });
}

Result<graph::Checked<graph::PipelineSpec>> load_pipeline(
    const PipelineInput& input, const config::PipelineFileOptions& options, std::istream& in,
    std::string* text) {
  if (input.has_expression && !input.file.empty()) {
    return Error{ErrorCode::kInvalid, "two pipelines given: name a file or -e EXPR, not both"};
  }
  if (input.has_expression) return load_expressions({input.expression});
  if (input.file.empty()) {
    return Error{ErrorCode::kInvalid, "no pipeline given: name a file, - or -e EXPR"};
  }
  const std::string name = input_name(input);
  Result<std::string> read = input.file == "-" ? read_stream(in, name) : read_file(input.file);
  if (!read) return std::move(read).error();
  auto checked = as_the_broker_has_it(name, config::read_pipeline({name, *read}, options));
  if (text != nullptr) *text = *std::move(read);
  return checked;
}

std::string input_name(const PipelineInput& input) {
  if (input.has_expression) return std::string(graph::kExpressionSourceName);
  return input.file == "-" ? "<stdin>" : input.file;
}

}  // namespace weir::ctl
