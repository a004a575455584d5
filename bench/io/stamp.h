// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The time a packet was sent, in its payload; and the clock, one for all programs of the machine.
#pragma once

#include <time.h>

#include <cstdint>
#include <cstring>
#include <span>

namespace zcnbrh::bench {

inline uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

struct Stamp {
  static constexpr uint64_t kMagic = 0x5a434e4252480001;
  uint64_t magic = kMagic;
  uint64_t sent_ns = 0;

  void put(std::span<std::byte> payload) const { std::memcpy(payload.data(), this, sizeof *this); }
  // sent_ns, or 0 when there is no stamp.
  static uint64_t get(std::span<const std::byte> payload) {
    Stamp found;
    if (payload.size() < sizeof found) return 0;
    std::memcpy(&found, payload.data(), sizeof found);
    return found.magic == kMagic ? found.sent_ns : 0;
  }
};

}  // namespace zcnbrh::bench
