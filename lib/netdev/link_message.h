// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// One rtnetlink link message (RTM_NEWLINK or RTM_DELLINK) taken apart. Pure: messages in, values out, so the
// tests feed it bytes. Used by the query and by the watcher.
#pragma once

#include <linux/if_link.h>
#include <linux/netlink.h>

#include <string>

#include "lib/netdev/netdev.h"

namespace zcnbrh {

struct LinkMessage {
  NetdevInfo info;            // as far as the message tells; driver, NUMA, DMA and real queues are not in it
  std::string kind;           // IFLA_INFO_KIND: "veth", "bond"; empty for hardware
  std::string parent_bus;     // "pci", "virtio"; 5.14, empty before and for software interfaces
  std::string parent_device;  // "0000:01:00.0"
  uint32_t max_rx_queues = 0, max_tx_queues = 0;  // allocated, at least those in use
  bool has_stats = false;
  rtnl_link_stats64 stats{};
};

// `message` must be a link message; attributes shorter than their type are taken as absent or zero.
LinkMessage parse_link_message(const nlmsghdr* message);

}  // namespace zcnbrh
