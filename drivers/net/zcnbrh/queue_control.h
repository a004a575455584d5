// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the application asked of a queue besides its size: one member of QueueSlot, written by control calls.
#pragma once

#include <rte_ethdev.h>

namespace zcnbrh::pmd {

struct QueueControl {
  struct rte_eth_rxconf rx_conf {};
  struct rte_eth_txconf tx_conf {};
};

}  // namespace zcnbrh::pmd
