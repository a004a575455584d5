// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// One process at a time inside a queue's burst. A queue's shared state names its owner, the process that polled
// it last; each process has a mark that says "inside". The owner's burst sets its mark and finds itself named:
// two plain stores and a load. Another process takes the queue over at its first burst: it claims the name by
// compare-and-swap, runs a barrier on every CPU that runs one of these processes (membarrier(2)), and looks at
// the former owner's mark. After the barrier either that burst's mark is seen, and the claim is given up, or
// the burst will see the claim, and leave. So two are never inside at once, and no burst of an owner pays for
// it with an atomic exchange or a fence.
//
// By DPDK's rule one lcore polls a queue, so a refusal means that the rule is broken; it is counted. Threads of
// one process are told apart by the mark alone, so two that begin in the very same moment are not.
//
// A process that dies inside leaves name and mark: nobody enters until bury() says what is to be repaired.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/xsk/quiesce.h"

namespace zcnbrh::pmd {

// Processes are numbered from 1, the primary, on; a number is given anew when its process is buried.
inline constexpr uint32_t kMaxProcesses = 60;
// This process's. Set before the first burst, once join_barriers() has said yes.
inline uint32_t g_process_number = 1;

class BurstUser {
 public:
  bool enter() {
    const uint32_t me = g_process_number;
    if (mark(me).load(std::memory_order_relaxed) != 0) [[unlikely]]
      return false;
    mark(me).store(1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);  // pairs with the barrier in take_over()
    // Acquire pairs with leave() and take_over() in other processes, whose state the burst goes on with.
    if (owner().load(std::memory_order_acquire) == me) [[likely]]
      return true;
    leave();
    return take_over(me);
  }
  void leave() { mark(g_process_number).store(0, std::memory_order_release); }

  // `number` has died. True: inside a burst, or it may have been; repair what it left, then call this again
  // with `repaired`. Nobody enters meanwhile.
  bool bury(uint32_t number, bool repaired = false) {
    const uint32_t word = owner().load(std::memory_order_acquire);
    const bool its = (word & kNumber) == number && (word & kClaimed) == 0;
    const bool claimed_from_it = (word & kClaimed) != 0 && (word >> kFormerShift & kNumber) == number;
    if ((its || claimed_from_it) && mark(number).load(std::memory_order_acquire) != 0 && !repaired) return true;
    mark(number).store(0, std::memory_order_release);
    // A claim that its maker cannot give up any more.
    uint32_t claim = word;
    if ((word & kNumber) == number && (word & kClaimed) != 0)
      owner().compare_exchange_strong(claim, word >> kFormerShift & kNumber, std::memory_order_acq_rel);
    return false;
  }
  // Who is inside, or was when it died; 0: nobody.
  uint32_t now() const {
    for (uint32_t number = 1; number < kMaxProcesses; ++number)
      if (mark(number).load(std::memory_order_acquire) != 0) return number;
    return 0;
  }

 private:
  static constexpr uint32_t kNumber = 0xFF;  // of the owner, or of who claims to be
  static constexpr uint32_t kFormerShift = 8;
  static constexpr uint32_t kClaimed = 1U << 31;
  static_assert(kMaxProcesses <= kNumber);

  [[gnu::noinline]] bool take_over(uint32_t me) {
    uint32_t former = owner().load(std::memory_order_acquire);
    // Looked at before anything is disturbed; and one claim at a time.
    if ((former & kClaimed) != 0 || mark(former).load(std::memory_order_relaxed) != 0) return false;
    const uint32_t claim = kClaimed | former << kFormerShift | me;
    if (!owner().compare_exchange_strong(former, claim, std::memory_order_acq_rel)) return false;
    const bool alone =
        former == 0 || (barrier_in_every_process() && mark(former).load(std::memory_order_acquire) == 0);
    if (alone) mark(me).store(1, std::memory_order_relaxed);
    owner().store(alone ? me : former, std::memory_order_release);
    return alone;
  }

  std::atomic_ref<uint32_t> owner() const { return std::atomic_ref<uint32_t>(owner_); }
  std::atomic_ref<uint8_t> mark(uint32_t number) const { return std::atomic_ref<uint8_t>(inside_[number]); }

  mutable uint32_t owner_ = 0;  // 0: nobody has polled it yet
  mutable uint8_t inside_[kMaxProcesses] = {};
};

// The user's place, taken in a burst and given back at each of its returns.
class OnlyUser {
 public:
  explicit OnlyUser(BurstUser& user) : user_(user), alone_(user.enter()) {}
  ~OnlyUser() {
    if (alone_) user_.leave();
  }
  OnlyUser(const OnlyUser&) = delete;
  OnlyUser& operator=(const OnlyUser&) = delete;
  explicit operator bool() const { return alone_; }

 private:
  BurstUser& user_;
  const bool alone_;
};

}  // namespace zcnbrh::pmd
