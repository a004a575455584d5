// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A NIC's receive-side scaling as ethtool shows it: the indirection table, the hash key, and which fields of
// which kind of packet are hashed. Only the default context; those of flow rules are lib/flow's.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/netdev/ethtool_ask.h"

namespace zcnbrh {

struct RssState {
  std::vector<uint32_t> table;  // NIC receive queues; empty: the device has no such table
  std::vector<uint8_t> key;     // empty: the driver does not tell or take one
};
// ENOTSUP: no RSS. Linux 3.16.
Result<RssState> ethtool_rss(EthtoolCalls& nic);

// An empty span leaves that part alone; the other must be as long as the device's own (EINVAL). Queues are the
// NIC's and must exist.
Status ethtool_set_rss(EthtoolCalls& nic, std::span<const uint32_t> table, std::span<const uint8_t> key);

// The kinds of packet that ethtool tells apart and an ethdev application may ask for.
enum class HashedFlow : uint8_t { kIpv4, kTcp4, kUdp4, kSctp4, kIpv6, kTcp6, kUdp6, kSctp6 };
inline constexpr std::array kHashedFlows = {HashedFlow::kIpv4,  HashedFlow::kTcp4, HashedFlow::kUdp4,
                                            HashedFlow::kSctp4, HashedFlow::kIpv6, HashedFlow::kTcp6,
                                            HashedFlow::kUdp6,  HashedFlow::kSctp6};

struct HashedFields {
  bool addresses = false;  // source and destination
  bool ports = false;      // of the layer above
  bool others = false;     // VLAN, layer 2, and what else ethtool knows
  bool operator==(const HashedFields&) const = default;
};
// ENOTSUP: the driver does not tell.
Result<HashedFields> ethtool_hashed_fields(EthtoolCalls& nic, HashedFlow flow);
Status ethtool_set_hashed_fields(EthtoolCalls& nic, HashedFlow flow, const HashedFields& fields);

}  // namespace zcnbrh
