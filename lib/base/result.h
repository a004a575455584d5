// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Result<T>: a value, or an Error that names the call that failed and, where we know them, the cause and
// the cure. Control path only: the data path counts instead of reporting.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <utility>

namespace zcnbrh {

struct Error {
  int code = 0;           // positive errno value
  const char* call = "";  // string literal: the system call or step that failed
  std::string why;        // cause and cure for a person, may be empty

  // One line for a log: "bind: Device or resource busy: queue 3 of eth0 is in use; close the other user".
  std::string text() const {
    std::string out = std::string(call) + ": " + std::strerror(code);
    if (!why.empty()) out += ": " + why;
    return out;
  }
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return value_.has_value(); }
  bool ok() const { return value_.has_value(); }

  // Precondition for value(), * and ->: ok(). Precondition for error(): !ok().
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return std::move(*value_); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  const Error& error() const { return error_; }

 private:
  std::optional<T> value_;
  Error error_;
};

// A Result without a value: success or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return error_.code == 0; }
  bool ok() const { return error_.code == 0; }
  const Error& error() const { return error_; }

 private:
  Error error_;
};

}  // namespace zcnbrh
