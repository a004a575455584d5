// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// rte_eth_set_queue_rate_limit(): a token bucket a TX queue, in software. Nothing sleeps: packets that are over
// the limit stay the caller's, as those that do not fit the ring, and are offered again.
//
// Time is the TSC, and tokens are counted in bytes times its frequency, so that no cycle is lost to rounding:
// over any length of time the bytes sent are those of the rate, less what went by unused beyond kDepth. A
// packet goes while the bucket is not empty, whatever its length, and what it overdraws is paid first.
//
// In EAL memory: the limit holds whichever process sends. Set by the control side, also while bursts run; the
// rest is the burst's.
#pragma once

#include <atomic>
#include <cstdint>

namespace zcnbrh::pmd {

class RateLimit {
 public:
  // The longest time of which what was not sent is made up for: a core that polls less often sends less.
  static constexpr uint64_t kDepthPerSecond = 250;  // 4 ms
  static constexpr uint64_t kMostMbps = 1'000'000;

  // 0: none. `hz`: of the clock that allow() is given.
  void set(uint64_t mbps, uint64_t hz) {
    hz_.store(hz, std::memory_order_relaxed);
    bytes_per_second_.store(mbps * (1'000'000 / 8), std::memory_order_relaxed);
  }
  bool on() const { return bytes_per_second_.load(std::memory_order_relaxed) != 0; }
  uint64_t mbps() const { return bytes_per_second_.load(std::memory_order_relaxed) / (1'000'000 / 8); }

  // How many of `count` packets may go now, `length_of(i)` bytes long each, which are paid for.
  template <typename Length>
  uint32_t allow(uint64_t now, uint32_t count, Length length_of) {
    const uint64_t rate = bytes_per_second_.load(std::memory_order_relaxed);
    if (rate == 0) return count;
    earn(now, rate);
    uint32_t allowed = 0;
    while (allowed < count && tokens_ > 0) pay(length_of(allowed++));
    return allowed;
  }
  // One that was allowed did not go.
  void give_back(uint64_t bytes) {
    tokens_ += static_cast<int64_t>(bytes * hz_.load(std::memory_order_relaxed));
  }

 private:
  // A full bucket at 1 Tbit/s and 5 GHz is 2.5e18, of 9.2e18 that fit.
  void earn(uint64_t now, uint64_t rate) {
    const auto full = static_cast<int64_t>(hz_.load(std::memory_order_relaxed) / kDepthPerSecond * rate);
    const uint64_t passed = now - last_;
    last_ = now;
    const uint64_t missing = full > tokens_ ? static_cast<uint64_t>(full - tokens_) : 0;
    tokens_ = passed > missing / rate ? full : tokens_ + static_cast<int64_t>(passed * rate);
  }
  void pay(uint64_t bytes) { tokens_ -= static_cast<int64_t>(bytes * hz_.load(std::memory_order_relaxed)); }

  std::atomic<uint64_t> bytes_per_second_;  // 0: no limit
  std::atomic<uint64_t> hz_;
  uint64_t last_;   // when tokens were last earned
  int64_t tokens_;  // below 0: a packet was longer than what was left
};

}  // namespace zcnbrh::pmd
