// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/base/cacheline.h"

namespace zcnbrh::capi {

// Places arrays one after the other, each on a cache line of its own; with no memory it only adds up.
class Carver {
 public:
  explicit Carver(uint8_t* memory) : memory_(memory) {}
  template <typename T>
  T* take(size_t count, size_t bytes = sizeof(T)) {
    T* out = memory_ != nullptr ? reinterpret_cast<T*>(memory_ + used_) : nullptr;
    used_ += align_up(count * bytes, kCacheLine);
    return out;
  }
  size_t used() const { return used_; }

 private:
  uint8_t* memory_;
  size_t used_ = 0;
};

}  // namespace zcnbrh::capi
