// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What a queue has counted. The live counters have one writer, the queue's thread; nobody else ever sets them
// while it may run. A reset only remembers what was there, to subtract it, so no count is lost to a burst that
// goes on; and a queue that is made anew goes on counting where it was.
#pragma once

#include <rte_ethdev.h>

#include <map>
#include <vector>

#include "lib/netdev/ethtool_stats.h"
#include "lib/xsk/queue_state.h"
#include "lib/xsk/socket.h"

struct rte_eth_dev;

namespace zcnbrh::pmd {

struct PmdPort;

// A count that somebody else starts from 0 when he is made anew: it goes on here.
class Monotonic {
 public:
  uint64_t see(uint64_t now) {
    if (now < last_) before_ += last_;
    last_ = now;
    return before_ + now;
  }

 private:
  uint64_t before_ = 0;
  uint64_t last_ = 0;
};

struct QueueCounts {
  RxCounters rx;
  TxCounters tx;
  KickCounters helper;
  XskStatistics kernel;
  uint64_t flushed = 0;
  uint64_t dropped_vlan = 0;
  uint64_t rate_limited = 0;
  uint64_t rebased = 0;
  // Of the bursts that were looked at, see cycle_sample.h.
  uint64_t rx_cycles = 0, rx_timed = 0;
  uint64_t tx_cycles = 0, tx_timed = 0;
};

// A member of QueueSlot's QueueControl.
struct QueueStats {
  QueueCounts kept;  // of the sockets that are gone
  Monotonic dropped_no_credit;
  Monotonic passed_no_credit;
};

// A member of PmdPort. What it has counted by reading is behind the control lock.
struct PortStats {
  struct rte_eth_stats forgotten {};              // counts at the last reset, to subtract
  std::map<uint64_t, uint64_t> xstats_forgotten;  // the same by xstat
  std::vector<uint8_t> rx_at, tx_at;  // queue -> number of its per-queue statistics; empty: the same
  Monotonic nic_missed;
  NicStats nic;  // the NIC's own counters by ethtool; those that tell of losses
};

}  // namespace zcnbrh::pmd
