// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// One timed run of one kind of work over a port, with the peer playing the kernel or over the null port.
#pragma once

#include "bench/ring/peer_run.h"
#include "bench/ring/pmd_loops.h"
#include "bench/ring/pmd_port.h"

namespace zcnbrh::bench {

// What is measured; `rxonly` twice, see pmd_loops.h.
enum class Work { kRx, kRxRaw, kTx, kIo };
inline constexpr Work kWorks[] = {Work::kRx, Work::kRxRaw, Work::kTx, Work::kIo};
const char* to_string(Work work);

// `check`: look at every packet. Throws if a packet is unaccounted for, checked or not.
RunResult run_port(Work work, RingPort& port, PeerThread& peer, uint64_t cycles, bool check);
RunResult run_null(Work work, struct rte_mempool* pool, uint32_t descriptors, uint64_t cycles);

}  // namespace zcnbrh::bench
