// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A native process has died. Where it stands inside a ring (lib/share/ring_journal.h), what it began is
// finished: its packets are put into the ring, or those it was about to take are given back to their pool, and
// the ring goes on.
#pragma once

#include <rte_ring.h>

#include "lib/share/ring_journal.h"

namespace zcnbrh::shim {

enum class Repair : uint8_t {
  kNothing,   // it was not inside
  kFinished,  // an enqueue
  kUndone,    // a dequeue
  kStuck,     // somebody else before it does not finish: the ring stands
};
const char* repair_name(Repair repair) noexcept;

// Waits up to a second for those who claimed before the dead one. `packets` gets how many it was about.
Repair repair_ring(struct rte_ring* ring, JournalEntry& entry, uint32_t& packets) noexcept;

}  // namespace zcnbrh::shim
