// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What a native process is doing to a ring of a DPDK process, in memory that both have mapped. Whoever dies
// between taking its place in a ring and saying that it is done stops the ring for everybody; from this page
// the DPDK process sees where the dead one was, and finishes for it or undoes it (shim/ring_repair.cc).
//
// One entry for each attached ring or pool; one thread of the native process at a time uses it. The native side
// writes all but `gone`, which the DPDK side sets before the object is freed: then no operation begins any
// more.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace zcnbrh {

inline constexpr size_t kJournalBurst = 64;    // objects of one operation
inline constexpr size_t kJournalEntries = 32;  // of one native process

enum class Phase : uint32_t {
  kIdle = 0,
  kClaiming,  // the place may or may not be taken: `old_head` and `count` tell which
  kClaimed,   // it is, and the ring waits for us
};

struct alignas(64) JournalEntry {
  std::atomic<uint32_t> gone;
  std::atomic<Phase> phase;
  std::atomic<uint32_t> producing;  // 1: enqueue
  std::atomic<uint32_t> old_head, count;
  std::atomic<uint64_t> taken, given, refused;  // objects, ever
  std::atomic<uint64_t> before;                 // `given` if producing, else `taken`, as the operation began
  void* objects[kJournalBurst];                 // to be enqueued
};

struct Journal {
  JournalEntry entries[kJournalEntries];
};

static_assert(std::atomic<uint64_t>::is_always_lock_free);

}  // namespace zcnbrh
