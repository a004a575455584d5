// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The few ethtool questions asked of a driver, by ioctl: it works on every kernel we support and in the
// namespace of the socket. `fd` is any socket (a netlink one will do). Answers are best effort: a driver
// that does not implement a question is no error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace zcnbrh {

struct EthtoolLink {
  uint32_t speed_mbps = 0;  // 0: unknown
  bool full_duplex = false;
  bool autoneg = false;
};
struct EthtoolChannels {
  uint32_t rx = 0;  // receive queues, combined ones included
  uint32_t tx = 0;
};

std::string ethtool_driver(int fd, const std::string& name);  // empty: unknown
std::optional<EthtoolLink> ethtool_link(int fd, const std::string& name);
std::optional<EthtoolChannels> ethtool_channels(int fd, const std::string& name);
std::optional<uint32_t> ethtool_rx_ring(int fd, const std::string& name);  // descriptors of a NIC receive ring

}  // namespace zcnbrh
