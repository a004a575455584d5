// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// One extended statistic, as the port's own process has it and as others are told of it.
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <vector>

#include "lib/base/result.h"

struct rte_eth_dev;

namespace zcnbrh::pmd {

struct Xstat {
  enum class Kind { kCount, kGauge };  // a gauge says what is, so a reset leaves it alone
  char name[RTE_ETH_XSTATS_NAME_SIZE];
  uint64_t key;  // stays the value's when queues are added or taken away
  uint64_t value;
  Kind kind;
};

// xstats.cc: those of the primary's port, as counted since they were reset.
std::vector<Xstat> xstats_since_reset(const struct rte_eth_dev* dev);

// stats_share.cc. Most of what a port counts only its own process can know: what the kernel counted on sockets
// that are gone, the netdev's and the NIC's counters, the XDP program's, what was reset. So another process
// asks it, and has the same numbers, or an error. The answer is a file, since there may be thousands.
Status answer_stats();  // the primary's, once: has an ear for those who ask
struct AllStats {
  struct rte_eth_stats basic {};
  std::vector<Xstat> extended;
};
// EIO: the primary is gone, or gives no answer; EBUSY: its control calls take too long.
Result<AllStats> ask_stats(uint16_t port);

}  // namespace zcnbrh::pmd
