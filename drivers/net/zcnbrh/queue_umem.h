// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Which UMEM a queue gets: one that its port or another has already, else a new one over all pools of packet
// buffers there are. Control path, under ethdev's rule of one control thread a port.
#pragma once

#include <memory>
#include <string>

#include "drivers/net/zcnbrh/pmd.h"

namespace zcnbrh::pmd {

// Those that the queue's UMEM covers: `window`, which are adoptable_pools(), asked once a start; or the private
// ones about the pool that the queue receives into (a queue that only sends: that the port's first does).
PoolList pools_of(const PmdPort& port, const QueueSlot& slot, const PoolList& window);

// `share`: false for a UMEM of the queue's own. Where private memory cannot be one the queue receives by copy.
Result<std::shared_ptr<PortUmem>> umem_for(PmdPort& port, QueueSlot& slot, const PoolList& window, bool share);

// Why zero-copy is out of the question with this pool, or "". `pool` may be null.
std::string pool_against_zero_copy(const PmdPort& port, const PoolMemory* pool);
// Frames of ours that a queue which only sends puts into its fill ring.
uint32_t fill_frames_needed(const PmdPort& port, const QueueSlot& slot);

}  // namespace zcnbrh::pmd
