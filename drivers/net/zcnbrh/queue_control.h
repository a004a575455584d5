// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the application asked of a queue besides its size: one member of QueueSlot, written by control calls.
#pragma once

#include <rte_ethdev.h>

#include "drivers/net/zcnbrh/autopilot.h"
#include "drivers/net/zcnbrh/kick.h"
#include "drivers/net/zcnbrh/queue_tuning.h"
#include "drivers/net/zcnbrh/stats.h"

namespace zcnbrh::pmd {

// Of available descriptors, rte_eth_rx_avail_thresh_set(). See rx_threshold.cc.
struct RxThreshold {
  uint8_t percent = 0;   // of nb_rx_desc; 0: none
  bool below = false;    // at the last look
  bool pending = false;  // told, and not asked for by rte_eth_rx_avail_thresh_query() yet
};

struct QueueControl {
  struct rte_eth_rxconf rx_conf {};
  struct rte_eth_txconf tx_conf {};
  RxThreshold threshold;
  QueueStats stats;
  KickChoice kick;
  QueueTuning tuned;
  QueueSched sched;
  bool no_busy_poll_for_interrupts = false;  // busy_budget= was left out, since the core is to sleep
};

}  // namespace zcnbrh::pmd
