// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/ledger_view.h"

#include <set>

namespace zcnbrh::pmd {
namespace {

PoolOwners owners_in(const PoolMemory& memory) {
  PoolOwners out;
  out.pool = &memory;
  const Ledger ledger = memory.ledger(0);
  for (uint32_t i = 0; i < ledger.frames(); ++i) {
    const Owner owner = ledger.at(i);
    if (owner == Owner::kOurs) continue;
    if (owner == Owner::kQuarantined)
      ++out.quarantined;
    else if (static_cast<uint8_t>(owner) < static_cast<uint8_t>(Owner::kQuarantined))
      ++out.posted;
    else
      ++out.in_flight;
  }
  out.buffers = memory.pool()->populated_size;
  out.in_pool = rte_mempool_avail_count(memory.pool());
  return out;
}

}  // namespace

PortOwners owners_of(const PmdPort& port) {
  PortOwners out;
  std::set<const PoolMemory*> pools;
  for (const auto& slot : port.slots) {
    if (slot->rx_memory) pools.insert(slot->rx_memory.get());
    if (slot->umem)
      for (const auto& pool : slot->umem->pools()) pools.insert(pool.get());
    if (slot->pair && slot->nb_rx != 0) out.posted += slot->rx->state.posted.get();
    if (slot->pair && slot->nb_tx != 0) out.in_flight += slot->tx->state.in_flight.get();
  }
  for (const PoolMemory* pool : pools)
    if (!pool->gone()) out.pools.push_back(owners_in(*pool));
  return out;
}

}  // namespace zcnbrh::pmd
