// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What rte_eth_rx_burst() and rte_eth_tx_burst() call.
#include "drivers/net/zcnbrh/pmd.h"

namespace zcnbrh::pmd {

uint16_t burst_receive(void* queue, struct rte_mbuf** packets, uint16_t count) noexcept {
  QueueSlot* slot = slot_of(static_cast<SharedRxQueue*>(queue)->address);
  return static_cast<uint16_t>(rx_burst(slot->pair.rx(), slot->rx_policy, packets, count));
}

uint16_t burst_send(void* queue, struct rte_mbuf** packets, uint16_t count) noexcept {
  QueueSlot* slot = slot_of(static_cast<SharedTxQueue*>(queue)->address);
  return static_cast<uint16_t>(tx_burst(slot->pair.tx(), slot->tx_policy, packets, count));
}

}  // namespace zcnbrh::pmd
