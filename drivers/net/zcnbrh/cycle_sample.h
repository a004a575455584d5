// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The driver's own cycles a packet, from every 64th burst: the other 63 pay one addition to a line that they
// read anyway, so there is nothing to switch off. Empty bursts are not counted.
#pragma once

#include <rte_cycles.h>

#include "lib/xsk/queue_state.h"

namespace zcnbrh::pmd {

// In EAL memory beside the queue's address; written by the queue's own thread.
struct CycleCounters {
  uint32_t turn = 0;
  Counter cycles;   // TSC, of the bursts looked at
  Counter packets;  // in them
};

class CycleSample {
 public:
  explicit CycleSample(CycleCounters& counters)
      : counters_(counters), start_((++counters.turn % kEvery) == 0 ? rte_rdtsc() : 0) {}
  // After a burst of `packets`; returns them.
  uint16_t end(uint32_t packets) {
    if (start_ != 0 && packets != 0) [[unlikely]] {
      counters_.cycles.add(rte_rdtsc() - start_);
      counters_.packets.add(packets);
    }
    return static_cast<uint16_t>(packets);
  }

 private:
  static constexpr uint32_t kEvery = 64;
  CycleCounters& counters_;
  const uint64_t start_;
};

}  // namespace zcnbrh::pmd
