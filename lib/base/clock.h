// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <time.h>

#include <cstdint>

namespace zcnbrh {

inline uint64_t monotonic_ns() {
  struct timespec now {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}
inline uint64_t monotonic_ms() { return monotonic_ns() / 1'000'000; }

// Control path only.
inline void sleep_ms(uint32_t ms) {
  struct timespec pause {
    static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1'000'000
  };
  while (::nanosleep(&pause, &pause) != 0) {
  }
}

}  // namespace zcnbrh
