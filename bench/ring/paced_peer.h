// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A peer that publishes received packets at a rate and notes when, by the time-stamp counter, which all cores
// of a machine with an invariant TSC share.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "bench/ring/peer_thread.h"

namespace zcnbrh::bench {

class PacedPeer {
 public:
  // Is running when this returns, on core `cpu`: one packet each `interval` cycles; 0: as many as there is room
  // for, 64 at a time.
  PacedPeer(LoopSocket& socket, int cpu, uint64_t interval);
  PacedPeer(const PacedPeer&) = delete;
  PacedPeer& operator=(const PacedPeer&) = delete;
  ~PacedPeer() { stop(); }

  // Only each eighth packet's time is noted: the note is one more cache line that goes from core to core.
  static constexpr bool noted(uint64_t number) { return number % kNoteEvery == 0; }
  // When a noted packet, counted from 0 on, was published. It has been received, and is among the last 131072.
  uint64_t published_at(uint64_t number) const { return stamps_[number / kNoteEvery % kStamps]; }
  // Publishes no more. How many were.
  uint64_t stop();

 private:
  static constexpr uint64_t kNoteEvery = 8;
  static constexpr uint64_t kStamps = (1U << 17) / kNoteEvery;  // for twice what any RX ring holds

  void run();
  uint32_t publish(uint32_t most);

  PeerQueue queue_;
  uint64_t interval_;
  // Plain: written before the RX ring's index is stored with release, read after it was loaded with acquire.
  std::unique_ptr<uint64_t[]> stamps_ = std::make_unique<uint64_t[]>(kStamps);
  std::atomic<bool> running_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace zcnbrh::bench
