// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// One user at a time: a word in a queue's shared state that names the process whose burst is inside. By DPDK's
// rule one lcore polls a queue, so it is always free when a burst comes, and costs two plain stores. It is for
// when the rule is broken: bursts of two processes at once are refused and counted; and for a process that
// dies inside a burst: the word still names it, nobody enters, and whoever repairs the queue knows it has to.
//
// Two bursts that come at the very same moment are not told apart; that would take an atomic exchange for each.
#pragma once

#include <atomic>
#include <cstdint>

namespace zcnbrh::pmd {

// This process as the word has it: 1 for the primary, above for the secondaries, never 0. Set before the first
// burst.
inline uint32_t g_process_number = 1;

class BurstUser {
 public:
  bool enter() {
    // Acquire pairs with leave() in another process, whose state the burst goes on with.
    if (word().load(std::memory_order_acquire) != 0) [[unlikely]]
      return false;
    word().store(g_process_number, std::memory_order_relaxed);
    return true;
  }
  void leave() { word().store(0, std::memory_order_release); }
  uint32_t now() const { return word().load(std::memory_order_acquire); }

 private:
  std::atomic_ref<uint32_t> word() const { return std::atomic_ref<uint32_t>(word_); }
  mutable uint32_t word_ = 0;
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
