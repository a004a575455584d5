// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// One timed run of one kind of work over a port, with the peer playing the kernel or over the null port.
#pragma once

#include "bench/ring/peer_thread.h"
#include "bench/ring/pmd_loops.h"
#include "bench/ring/pmd_port.h"

namespace zcnbrh::bench {

enum class Work { kRx, kRxRaw, kTx, kIo };
inline constexpr Work kWorks[] = {Work::kRx, Work::kRxRaw, Work::kTx, Work::kIo};
const char* to_string(Work work);

struct RunResult {
  LoopTally timed;
  uint64_t packets = 0;  // also those after the clock had stopped
  uint64_t wrong = 0;    // looked at only in a checked run
  uint64_t calls = 0;    // system calls
  PeerTally peer;
};

// `check`: look at every packet. Throws if a packet is unaccounted for, checked or not.
RunResult run_port(Work work, RingPort& port, PeerThread& peer, uint64_t cycles, bool check);
RunResult run_null(Work work, struct rte_mempool* pool, uint32_t descriptors, uint64_t cycles);

}  // namespace zcnbrh::bench
