// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Between a queue's TX burst and the thread that kicks for it (lib/xsk/kick_thread.h). The burst writes how far
// it has come; the thread makes the system calls until the kernel has taken as much.
//
//   burst:   wanted = producer;  full fence;  asleep? -> wake         thread:  asleep = 1;  full fence; wanted?
//
// Each writes its word, then reads the other's, with a fence between: at least one of the two sees the other,
// so no packet waits for a thread that sleeps. The fence costs a burst some twenty cycles, the system call it
// saves some thousands; the call that wakes a sleeper is made once for each sleep.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "lib/base/cacheline.h"

namespace zcnbrh {

// Of one thread; all of its queues ring it. The line is written only when the thread goes to sleep or wakes up.
struct KickBell {
  alignas(kCacheLine) std::atomic<uint32_t> asleep{0};  // also the futex

  // True if it took a system call.
  bool ring() noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with sleep()
    if (asleep.load(std::memory_order_relaxed) == 0 || asleep.exchange(0) == 0) return false;
    ::syscall(SYS_futex, &asleep, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    return true;
  }
  // The thread itself. `nothing()`: there is still nothing to do, looked at after everybody can see us asleep.
  template <typename Nothing>
  void sleep(Nothing nothing) noexcept {
    asleep.store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with ring()
    while (nothing() && asleep.load(std::memory_order_relaxed) != 0)
      ::syscall(SYS_futex, &asleep, FUTEX_WAIT_PRIVATE, 1, nullptr, nullptr, 0);
    asleep.store(0, std::memory_order_relaxed);
  }
};

// One queue's. Made and freed by KickThreads; what it points to stays while it is there.
struct KickLine {
  // The TX ring's producer index up to which the burst wants the kernel to go. Written by the TX thread.
  alignas(kCacheLine) std::atomic<uint32_t> wanted{0};
  KickBell* bell = nullptr;

  // True if it took a system call to wake the thread.
  bool ask(uint32_t producer) noexcept {
    if (wanted.load(std::memory_order_relaxed) == producer) return false;
    wanted.store(producer, std::memory_order_release);
    return bell->ring();
  }
};

}  // namespace zcnbrh
