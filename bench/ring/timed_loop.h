// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A loop that runs for a while, and what it did, by the time-stamp counter.
#pragma once

#include <x86intrin.h>

#include <chrono>
#include <cstdint>

namespace zcnbrh::bench {

inline constexpr uint32_t kBurstsPerClockRead = 64;

struct LoopTally {
  uint64_t cycles = 0;
  uint64_t packets = 0;
  uint64_t bursts = 0;
  uint64_t empty = 0;  // bursts that moved nothing

  double cycles_a_packet() const { return static_cast<double>(cycles) / static_cast<double>(packets); }
  double empty_percent() const { return 100 * static_cast<double>(empty) / static_cast<double>(bursts); }
};

// Cycles a second, measured once. Takes a twentieth of a second.
inline uint64_t tsc_hz() {
  static const uint64_t hz = [] {
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    const uint64_t first = __rdtsc();
    while (Clock::now() - begin < std::chrono::milliseconds(50)) {
    }
    const uint64_t cycles = __rdtsc() - first;
    const std::chrono::duration<double> seconds = Clock::now() - begin;
    return static_cast<uint64_t>(static_cast<double>(cycles) / seconds.count());
  }();
  return hz;
}

// Runs `step`, which returns how many packets it moved, for about `cycles`.
template <typename Step>
LoopTally run_for(uint64_t cycles, Step&& step) {
  LoopTally tally;
  const uint64_t begin = __rdtsc();
  uint64_t now = begin;
  while (now - begin < cycles) {
    for (uint32_t i = 0; i < kBurstsPerClockRead; ++i) {
      const uint32_t n = step();
      tally.packets += n;
      tally.empty += n == 0 ? 1U : 0U;
    }
    tally.bursts += kBurstsPerClockRead;
    now = __rdtsc();
  }
  tally.cycles = now - begin;
  return tally;
}

}  // namespace zcnbrh::bench
