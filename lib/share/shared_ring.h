// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A ring of a DPDK process, worked on by a process without DPDK: the same claims and releases as DPDK's own
// functions make (lib/ring of DPDK), many or one at each end as the ring was made. The steps are written to a
// journal first.
//
// One thread at a time. An operation waits, as DPDK's do, for those who claimed a place before; not for ever:
// each thousand rounds `is_alive` is asked.
#pragma once

#include <cstdint>

#include "lib/share/dpdk_layout.h"
#include "lib/share/ring_journal.h"

namespace zcnbrh {

class SharedRing {
 public:
  using Test = bool (*)(const void* context, const void* object);
  using Alive = bool (*)(const void* context);

  SharedRing(dpdk::Ring* ring, JournalEntry* entry, const void* context, Test may_cross, Alive is_alive)
      : ring_(ring), entry_(entry), context_(context), may_cross_(may_cross), is_alive_(is_alive) {}

  // Both take up to kJournalBurst objects, stop before the first that may not cross (counted as refused), and
  // return how many went: 0 when the ring is full or empty, gone, or its process dead.
  uint32_t enqueue(void* const* objects, uint32_t count);
  uint32_t dequeue(void** objects, uint32_t count);

  bool is_gone() const { return entry_->gone.load(std::memory_order_relaxed) != 0; }
  JournalEntry& entry() { return *entry_; }
  dpdk::Ring* ring() { return ring_; }

 private:
  bool begin(bool producing);
  uint32_t claim(dpdk::RingEnd& end, const dpdk::RingEnd& other, uint32_t room, uint32_t wanted,
                 uint32_t& old_head, void** objects);
  bool finish(dpdk::RingEnd& end, uint32_t old_head, uint32_t count);
  void idle() { entry_->phase.store(Phase::kIdle, std::memory_order_release); }
  uint32_t crossing(void* const* objects, uint32_t count) const;

  dpdk::Ring* ring_;
  JournalEntry* entry_;
  const void* context_;
  Test may_cross_;
  Alive is_alive_;
};

}  // namespace zcnbrh
