// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A NIC's own receive filters ("ntuple", ethtool -N) and RSS contexts (ethtool -X ... context): which packets
// go to which receive queue, before any program sees them. Control path only, any thread, no state of its own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/netdev/ethtool_calls.h"

struct ethtool_rx_flow_spec;

namespace zcnbrh {

class RxFilters {
 public:
  explicit RxFilters(EthtoolCalls& netdev) : netdev_(&netdev) {}

  // Why the NIC takes no filters, with the cure where there is one; empty: it does.
  std::string why_none() const;

  // Packets that match `spec` (its fields, masks and flow type) go to a queue, or are spread over those of an
  // RSS context. Returns where the NIC keeps the filter. Which of two filters that both match wins is the NIC's
  // affair. Errors: ENOSPC: its table is full; EINVAL, EOPNOTSUPP: it cannot match these fields.
  Result<uint32_t> add(const ethtool_rx_flow_spec& spec, uint32_t queue) const;
  Result<uint32_t> add_spread(const ethtool_rx_flow_spec& spec, uint32_t context) const;
  Status remove(uint32_t location) const;

  struct Places {
    std::vector<uint32_t> taken;  // locations of filters, ascending, whoever set them
    uint64_t size = 0;            // of the table; 0: not told
    bool nic_chooses = false;     // where a filter goes
  };
  Result<Places> places() const;

  // An RSS context whose table names these queues in turn. Linux 4.17 and a driver that has contexts.
  Result<uint32_t> add_context(std::span<const uint32_t> queues) const;
  Status remove_context(uint32_t context) const;

 private:
  Result<uint32_t> insert(const ethtool_rx_flow_spec& spec, uint64_t cookie, uint32_t extra_type,
                          uint32_t context) const;
  Result<uint32_t> free_location() const;

  EthtoolCalls* netdev_;
};

}  // namespace zcnbrh
