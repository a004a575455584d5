// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "bench/ring/paced_peer.h"

#include <x86intrin.h>

namespace zcnbrh::bench {
namespace {

// A peer that was off its core this many intervals begins anew instead of publishing all it missed at once.
constexpr uint64_t kMostBehind = 64;

}  // namespace

PacedPeer::PacedPeer(LoopSocket& socket, int cpu, uint64_t interval)
    : queue_(socket), interval_(interval), thread_([this, cpu] {
        pin_this_thread(cpu);
        running_.store(true);
        running_.notify_one();
        run();
      }) {
  running_.wait(false);
}

uint64_t PacedPeer::stop() {
  stop_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
  return queue_.tally().received;
}

uint32_t PacedPeer::publish(uint32_t most) {
  const uint64_t first = queue_.tally().received, now = __rdtsc();
  for (uint64_t number = first; number < first + most; ++number)
    if (noted(number)) stamps_[number / kNoteEvery % kStamps] = now;
  return queue_.receive<false>(most);
}

void PacedPeer::run() {
  uint64_t next = __rdtsc();
  while (!stop_.load(std::memory_order_relaxed)) {
    if (interval_ == 0) {
      if (publish(kPeerBatch) == 0) _mm_pause();
      continue;
    }
    const uint64_t now = __rdtsc();
    if (now < next) continue;
    publish(1);
    next = now - next > kMostBehind * interval_ ? now + interval_ : next + interval_;
  }
}

}  // namespace zcnbrh::bench
