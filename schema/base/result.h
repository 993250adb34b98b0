// Result<T>: a value or an Error. Member names are those of std::expected, so that moving to C++23
// is an alias away.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "schema/base/check.h"
#include "schema/base/error.h"

namespace weir {

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    WEIR_CHECK(has_value(), "value() of an error: " + error_text());
    return std::get<0>(state_);
  }
  const T& value() const& {
    WEIR_CHECK(has_value(), "value() of an error: " + error_text());
    return std::get<0>(state_);
  }
  T&& value() && {
    WEIR_CHECK(has_value(), "value() of an error: " + error_text());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    WEIR_CHECK(!has_value(), "error() of a value");
    return std::get<1>(state_);
  }
  Error&& error() && {
    WEIR_CHECK(!has_value(), "error() of a value");
    return std::get<1>(std::move(state_));
  }

 private:
  std::string error_text() const { return has_value() ? "" : std::get<1>(state_).what; }

  std::variant<T, Error> state_;
};

// The result of an operation that has nothing to return.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : failed_(true), error_(std::move(error)) {}

  bool has_value() const { return !failed_; }
  explicit operator bool() const { return !failed_; }

  const Error& error() const& {
    WEIR_CHECK(failed_, "error() of a success");
    return error_;
  }
  Error&& error() && {
    WEIR_CHECK(failed_, "error() of a success");
    return std::move(error_);
  }

 private:
  bool failed_ = false;
  Error error_;
};

using Status = Result<void>;

}  // namespace weir
