// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "lib/base/result.h"

namespace zcnbrh {

// Sole owner of a range of mapped memory; unmaps it when destroyed. Move-only.
class Mapping {
 public:
  Mapping() = default;
  Mapping(void* base, size_t length) : base_(base), length_(length) {}
  Mapping(Mapping&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)), length_(std::exchange(other.length_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    if (this != &other) {
      reset();
      base_ = std::exchange(other.base_, nullptr);
      length_ = std::exchange(other.length_, 0);
    }
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { reset(); }

  // mmap(2) with every argument the caller's. `call` (a literal) names the step in the Error.
  static Result<Mapping> create(void* hint, size_t length, int prot, int flags, int fd, uint64_t offset,
                                const char* call = "mmap") {
    void* base = ::mmap(hint, length, prot, flags, fd, static_cast<off_t>(offset));
    if (base == MAP_FAILED) return Error{errno, call, {}};
    return Mapping(base, length);
  }

  uint8_t* data() const { return static_cast<uint8_t*>(base_); }
  size_t size() const { return length_; }
  std::span<uint8_t> bytes() const { return {data(), length_}; }
  explicit operator bool() const { return base_ != nullptr; }
  void reset() {
    if (base_ != nullptr) ::munmap(base_, length_);
    base_ = nullptr;
    length_ = 0;
  }

 private:
  void* base_ = nullptr;
  size_t length_ = 0;
};

}  // namespace zcnbrh
