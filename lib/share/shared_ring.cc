// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/share/shared_ring.h"

#include <algorithm>
#include <cstring>

namespace zcnbrh {
namespace {

constexpr uint32_t kRoundsBetweenLooks = 1000;

void add(std::atomic<uint64_t>& counter, uint32_t n) {  // one writer
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

// Sequentially consistent, with shim/share_server.cc: it sets `gone` and then reads `phase`.
bool SharedRing::begin(bool producing) {
  entry_->producing.store(producing ? 1 : 0, std::memory_order_relaxed);
  entry_->count.store(0, std::memory_order_relaxed);
  entry_->before.store((producing ? entry_->given : entry_->taken).load(std::memory_order_relaxed),
                       std::memory_order_relaxed);
  entry_->phase.store(Phase::kClaiming, std::memory_order_seq_cst);
  if (entry_->gone.load(std::memory_order_seq_cst) == 0) return true;
  idle();
  return false;
}

uint32_t SharedRing::crossing(void* const* objects, uint32_t count) const {
  uint32_t i = 0;
  while (i < count && may_cross_(context_, objects[i])) ++i;
  return i;
}

// Takes up to `wanted` places at `end`; `room` plus the other end's tail is where it ends. What is to come out
// of the ring (`objects` given) is looked at before the place is taken: until then nobody else's claim can
// succeed either.
uint32_t SharedRing::claim(dpdk::RingEnd& end, const dpdk::RingEnd& other, uint32_t room, uint32_t wanted,
                           uint32_t& old_head, void** objects) {
  old_head = end.head.load(std::memory_order_relaxed);
  for (;;) {
    // Pairs with finish() of the other end: slots are free, or filled, before its tail moves.
    std::atomic_thread_fence(std::memory_order_acquire);
    uint32_t count = std::min(wanted, room + other.tail.load(std::memory_order_acquire) - old_head);
    if (objects != nullptr) {
      for (uint32_t i = 0; i < count; ++i)
        objects[i] =
            std::atomic_ref(ring_->slots()[(old_head + i) & ring_->mask]).load(std::memory_order_relaxed);
      const uint32_t good = crossing(objects, count);
      if (good < count && end.head.load(std::memory_order_acquire) == old_head) add(entry_->refused, 1);
      count = good;
    }
    if (count == 0) return 0;
    entry_->old_head.store(old_head, std::memory_order_relaxed);
    entry_->count.store(count, std::memory_order_release);
    if (end.sync == dpdk::Sync::kOne) {
      end.head.store(old_head + count, std::memory_order_relaxed);
      return count;
    }
    if (end.head.compare_exchange_weak(old_head, old_head + count, std::memory_order_seq_cst,
                                       std::memory_order_relaxed))
      return count;
  }
}

// In the order of the claims. False: the other process is dead, and so is the ring.
bool SharedRing::finish(dpdk::RingEnd& end, uint32_t old_head, uint32_t count) {
  for (uint32_t round = 1;
       end.sync == dpdk::Sync::kMany && end.tail.load(std::memory_order_relaxed) != old_head; ++round) {
    pause();
    if (round % kRoundsBetweenLooks == 0 && !is_alive_(context_)) return false;
  }
  end.tail.store(old_head + count, std::memory_order_release);
  return true;
}

uint32_t SharedRing::enqueue(void* const* objects, uint32_t count) {
  count = std::min<uint32_t>(count, kJournalBurst);
  const uint32_t good = crossing(objects, count);
  if (good < count) add(entry_->refused, 1);
  if (good == 0 || !begin(true)) return 0;
  std::memcpy(entry_->objects, objects, good * sizeof *objects);
  uint32_t head = 0;
  uint32_t claimed = claim(ring_->prod, ring_->cons, ring_->capacity, good, head, nullptr);
  if (claimed != 0) {
    entry_->phase.store(Phase::kClaimed, std::memory_order_release);
    for (uint32_t i = 0; i < claimed; ++i) ring_->slots()[(head + i) & ring_->mask] = objects[i];
    if (!finish(ring_->prod, head, claimed)) claimed = 0;
    add(entry_->given, claimed);
  }
  idle();
  return claimed;
}

uint32_t SharedRing::dequeue(void** objects, uint32_t count) {
  if (count == 0 || !begin(false)) return 0;
  uint32_t head = 0;
  uint32_t claimed =
      claim(ring_->cons, ring_->prod, 0, std::min<uint32_t>(count, kJournalBurst), head, objects);
  if (claimed != 0) {
    entry_->phase.store(Phase::kClaimed, std::memory_order_release);
    if (!finish(ring_->cons, head, claimed)) claimed = 0;
    add(entry_->taken, claimed);
  }
  idle();
  return claimed;
}

}  // namespace zcnbrh
