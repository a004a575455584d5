// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Packets longer than a buffer: when a port asks the kernel for packets of several buffers (XDP_USE_SG), which
// lengths it can receive, and what it says of that to ethdev.
#pragma once

#include <string>

#include "drivers/net/zcnbrh/pmd.h"

namespace zcnbrh::pmd {

// Needed where the port's MTU does not fit a buffer; useful where the application configured scattered receive
// or transmit of several segments.
SegmentsPolicy segments_wanted(const PmdPort& port);

// The same for one of its queues: off once the kernel has refused them.
inline SegmentsPolicy segments_of(const PmdPort& port, const QueueSlot& slot) {
  const bool copies = slot.nb_rx != 0 && slot.rx_in_place() == nullptr;
  return slot.segments.refused || copies ? SegmentsPolicy::kOff : segments_wanted(port);
}

// Why the port cannot have packets of several buffers, or "".
std::string why_no_segments(const PmdPort& port);

// Buffers that a packet of the port's MTU takes in a queue that receives.
uint32_t buffers_each(const PmdPort& port, const QueueSlot& slot);

// May the port's MTU become `mtu`? Looks at the receive queues that are set up. Errors: EINVAL with the
// numbers.
Status check_mtu(const PmdPort& port, uint32_t mtu);
// The same for one queue's pool; by_copy: though it could be received into in place.
Status check_pool_mtu(const PmdPort& port, const PoolMemory& memory, uint32_t mtu, bool by_copy = false);

// An MTU above 1500 that the application configured (rxmode.mtu) is the netdev's, too, from start on: by then
// every queue has been found to take it. What the netdev had before, or 0 if that was enough. Errors: the
// kernel's.
Result<uint32_t> raise_mtu(const PmdPort& port, uint32_t mtu);
// The start failed: back to what it was.
void put_back_mtu(const PmdPort& port, uint32_t before);

// Queues that were opened for less than the port now wants, with the doors shut: opened anew they get it.
void close_without_segments(PmdPort& port);

// Scattered receive, lengths, segments a packet.
void add_jumbo_info(const PmdPort& port, struct rte_eth_dev_info& info);

}  // namespace zcnbrh::pmd
