// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// How many entries each of a queue's four rings gets.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/config/port_config.h"

namespace zcnbrh {

inline constexpr uint32_t kMinRing = 64;     // entries; fewer starve the zero-copy drivers' own rings
inline constexpr uint32_t kMaxRing = 65536;  // entries, by devarg
inline constexpr uint32_t kMinDesc = 64;     // descriptors a queue
inline constexpr uint32_t kMaxDesc = 32768;  // descriptors a queue: DPDK's counts are 16 bits wide

// The fill ring of a queue that only transmits, unless fill_ring says otherwise: enough for the host's own
// traffic on that queue in zero-copy mode, 1 MiB of 2048-byte chunks.
inline constexpr uint32_t kTxOnlyFillRing = 512;

// Entries, each a power of two. `rx` or `tx` is 0 for a queue without that side; the kernel wants a fill
// and a completion ring for every UMEM all the same (bind gives EINVAL without).
struct QueueSizes {
  uint32_t fill = 0;
  uint32_t rx = 0;
  uint32_t tx = 0;
  uint32_t comp = 0;

  bool operator==(const QueueSizes&) const = default;
};

// The rings for a queue with these descriptor counts, kMinDesc..kMaxDesc and not necessarily a power of
// two; 0 for a side that is not used. A ring takes the next power of two unless its key in `config` gives a
// size, which must hold the descriptors and may be larger.
// Errors: EINVAL with both numbers in Error::why.
Result<QueueSizes> queue_sizes(const PortConfig& config, uint32_t nb_rx_desc, uint32_t nb_tx_desc);

}  // namespace zcnbrh
