// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/ring_repair.h"

#include "lib/base/clock.h"
#include "lib/share/dpdk_layout.h"
#include "shim/next.h"

namespace zcnbrh::shim {
namespace {

// A thread that lives may be off its CPU between its claim and its release.
constexpr uint64_t kUnclaimedMs = 200;
constexpr uint64_t kPatienceMs = 1000;

// Ends of a ring count on for ever, and are never half their range apart.
bool is_past(uint32_t end, uint32_t place) { return static_cast<int32_t>(end - place) > 0; }

// Is the place at `old_head` the dead one's? What it wrote last says so, or that the ring's end comes to stand
// right there.
bool is_claimed(const dpdk::RingEnd& end, const JournalEntry& entry, uint32_t old_head) {
  if (entry.phase == Phase::kClaimed) return true;
  const uint64_t until = monotonic_ms() + kUnclaimedMs;
  do {
    if (is_past(end.tail, old_head) || end.head == old_head) return false;
    sleep_ms(1);
  } while (monotonic_ms() < until);
  return end.tail == old_head;
}

bool wait_for_turn(const dpdk::RingEnd& end, uint32_t old_head) {
  const uint64_t until = monotonic_ms() + kPatienceMs;
  while (end.sync == dpdk::Sync::kMany && end.tail != old_head) {
    if (monotonic_ms() >= until) return false;
    sleep_ms(1);
  }
  return true;
}

}  // namespace

const char* repair_name(Repair repair) noexcept {
  switch (repair) {
    case Repair::kNothing:
      return "nothing";
    case Repair::kFinished:
      return "enqueue finished";
    case Repair::kUndone:
      return "dequeue undone";
    case Repair::kStuck:
      return "stuck";
  }
  return "";
}

Repair repair_ring(struct rte_ring* ring, JournalEntry& entry, uint32_t& packets) noexcept {
  auto& shared = *reinterpret_cast<dpdk::Ring*>(ring);
  const uint32_t count = entry.count, old_head = entry.old_head;
  packets = count;
  if (entry.phase == Phase::kIdle || count == 0 || count > kJournalBurst) return Repair::kNothing;
  const bool producing = entry.producing != 0;
  dpdk::RingEnd& end = producing ? shared.prod : shared.cons;
  if (!is_claimed(end, entry, old_head)) return Repair::kNothing;
  std::atomic<uint64_t>& moved = producing ? entry.given : entry.taken;
  if (!is_past(old_head + count, end.tail)) {  // it was done, and others may have gone on from there
    moved = entry.before + count;
    entry.phase = Phase::kIdle;
    return Repair::kNothing;
  }
  if (!wait_for_turn(end, old_head)) return Repair::kStuck;

  void* objects[kJournalBurst];
  for (uint32_t i = 0; i < count; ++i) {
    void*& slot = shared.slots()[(old_head + i) & shared.mask];
    if (producing) slot = entry.objects[i];
    objects[i] = slot;
  }
  end.tail.store(old_head + count, std::memory_order_release);
  if (producing)
    moved = entry.before + count;
  else
    NEXT(rte_pktmbuf_free_bulk)(reinterpret_cast<struct rte_mbuf**>(objects), count);
  entry.phase = Phase::kIdle;
  return producing ? Repair::kFinished : Repair::kUndone;
}

}  // namespace zcnbrh::shim
