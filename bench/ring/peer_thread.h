// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A thread on a core of its own that plays the kernel on a set of queues.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

#include "bench/ring/peer_queue.h"

namespace zcnbrh::bench {

inline constexpr uint32_t kPeerBatch = 64;  // packets moved before the next queue's or direction's turn

// What the thread is to do; a set of these.
enum PeerWork : uint32_t { kPeerIdle = 0, kPeerReceives = 1, kPeerSends = 2, kPeerChecks = 4 };

class PeerThread {
 public:
  explicit PeerThread(int cpu);
  PeerThread(const PeerThread&) = delete;
  PeerThread& operator=(const PeerThread&) = delete;
  ~PeerThread();

  // Begins with empty tallies. Not while it works.
  void take(std::span<LoopSocket* const> sockets);
  // When this returns the thread does `work` and nothing else any more.
  void set(uint32_t work);
  // Sends what is left in the TX rings and rests; what was done since take().
  PeerTally stop();

 private:
  void run();
  template <bool kCheck>
  uint32_t serve(uint32_t work);

  std::vector<PeerQueue> queues_;
  std::atomic<uint32_t> order_{0};  // version << 8 | work
  std::atomic<uint32_t> obeyed_{0};
  std::thread thread_;
};

// The two cores of a ring bench: the application's and the peer's. With one CPU both are that.
struct Cores {
  int application = 0;
  int peer = 0;
};
Cores choose_cores();
void pin_this_thread(int cpu);

}  // namespace zcnbrh::bench
