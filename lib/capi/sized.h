// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Structs of the public API that begin with their size as the caller knows it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace zcnbrh::capi {

inline constexpr size_t kMostSize = 4096;  // no struct of ours, but one whose size was not set

template <typename Sized>
bool has_size(const Sized* out) {
  return out->size >= sizeof out->size && out->size <= kMostSize;
}

// Copies the part of `known` that the caller's struct has; what it has more becomes 0.
template <typename Sized>
void copy_sized(Sized known, Sized* out) {
  const size_t size = out->size;
  std::memset(static_cast<void*>(out), 0, size);
  std::memcpy(static_cast<void*>(out), &known, std::min(size, sizeof known));
  out->size = size;
}

}  // namespace zcnbrh::capi
