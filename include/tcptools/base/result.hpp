// A value or the error that took its place. The small part of C++23's std::expected that we use.
#pragma once

#include <utility>
#include <variant>

#include "tcptools/base/error.hpp"

namespace tcptools {

template <class T>
class [[nodiscard]] result {
 public:
  // Implicit on purpose: `return value;` and `return error{...};` both read as what they mean.
  // NOLINTBEGIN(google-explicit-constructor)
  result(T value) : state_{std::in_place_index<0>, std::move(value)} {}
  result(class error failure) : state_{std::in_place_index<1>, std::move(failure)} {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // Precondition: has_value(); otherwise, as a bug, std::bad_variant_access.
  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  [[nodiscard]] T& operator*() & { return value(); }
  [[nodiscard]] const T& operator*() const& { return value(); }
  [[nodiscard]] T&& operator*() && { return std::move(*this).value(); }
  [[nodiscard]] T* operator->() { return &value(); }
  [[nodiscard]] const T* operator->() const { return &value(); }

  // Precondition: !has_value(); otherwise, as a bug, std::bad_variant_access.
  [[nodiscard]] const class error& error() const& { return std::get<1>(state_); }
  [[nodiscard]] class error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, class error> state_;
};

// Success without a value is `result<void>{}`.
template <>
class [[nodiscard]] result<void> {
 public:
  result() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  result(class error failure) : state_{std::in_place_index<1>, std::move(failure)} {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // Precondition: !has_value(); otherwise, as a bug, std::bad_variant_access.
  [[nodiscard]] const class error& error() const& { return std::get<1>(state_); }
  [[nodiscard]] class error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<std::monostate, class error> state_;
};

}  // namespace tcptools
