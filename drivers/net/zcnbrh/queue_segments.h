// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstdint>

namespace zcnbrh::pmd {

// What a queue's application and kernel say of packets of several buffers; see jumbo.h.
struct QueueSegments {
  uint64_t rx_asked = 0;  // RTE_ETH_RX_OFFLOAD_SCATTER, if the queue was set up with it
  uint64_t tx_asked = 0;  // RTE_ETH_TX_OFFLOAD_MULTI_SEGS, likewise
  bool refused = false;   // the kernel would not bind with them
};

}  // namespace zcnbrh::pmd
