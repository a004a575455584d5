// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstddef>
#include <cstdint>

namespace zcnbrh {

// x86-64 and most ARMv8 cores. State written by one thread and read by another starts on its own line.
inline constexpr size_t kCacheLine = 64;
inline constexpr uint64_t kPageSize = 4096;

constexpr uint64_t align_up(uint64_t value, uint64_t power_of_two) {
  return (value + power_of_two - 1) & ~(power_of_two - 1);
}
constexpr uint64_t align_down(uint64_t value, uint64_t power_of_two) { return value & ~(power_of_two - 1); }
constexpr bool is_power_of_two(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }
constexpr uint32_t next_power_of_two(uint32_t value) {
  uint32_t out = 1;
  while (out < value) out <<= 1;
  return out;
}

}  // namespace zcnbrh
