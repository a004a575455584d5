// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Receive queues of the netdev that no port of this process serves. What the NIC puts into those goes to the
// kernel's stack: right for ssh, and a riddle for whoever waits for all packets. An AF_XDP socket takes packets
// of its own queue alone (Documentation/networking/af_xdp.rst), so the port can only say it.
#include <algorithm>
#include <set>
#include <string>

#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/ops.h"
#include "lib/netdev/ethtool_rss.h"

namespace zcnbrh::pmd {
namespace {

// Those that the NIC spreads packets over; all, where it has no table.
std::set<uint32_t> queues_in_use(const PmdPort& port) {
  const auto now = netdev_query(port.port->ifindex());
  std::set<uint32_t> out;
  if (!now || now->rx_queues < 2) return out;
  NetdevEthtool nic(now->name);
  if (const auto rss = ethtool_rss(nic); rss && !rss->table.empty())
    return {rss->table.begin(), rss->table.end()};
  for (uint32_t queue = 0; queue < now->rx_queues; ++queue) out.insert(queue);
  return out;
}

void take_out_served(std::set<uint32_t>& queues, int ifindex) {
  for (uint16_t id = 0; id < RTE_MAX_ETHPORTS; ++id) {
    const struct rte_eth_dev& dev = rte_eth_devices[id];
    if (dev.dev_ops != ethdev_ops()) continue;
    const PmdPort* port = port_of(&dev);
    if (port == nullptr || port->port->is_loop() || port->port->ifindex() != ifindex) continue;
    // A port that is not configured yet may still be for all the queues it claimed.
    const uint32_t count = dev.data->nb_rx_queues != 0 ? dev.data->nb_rx_queues : port->config().queue_count;
    for (uint32_t n = 0; n < count; ++n) queues.erase(port->config().start_queue + n);
  }
}

std::string list(const std::set<uint32_t>& queues) {
  constexpr size_t kMost = 8;
  std::string out;
  size_t n = 0;
  for (const uint32_t queue : queues) {
    if (n++ == kMost) return out + ", ... (" + std::to_string(queues.size()) + ")";
    out += (out.empty() ? "" : ", ") + std::to_string(queue);
  }
  return out;
}

}  // namespace

std::string unserved_queues(const PmdPort& port) {
  if (port.port->is_loop() || port.port->ifindex() <= 0) return {};
  std::set<uint32_t> queues = queues_in_use(port);
  take_out_served(queues, port.port->ifindex());
  return list(queues);
}

void tell_unserved_queues(const PmdPort& port) {
  const std::string queues = unserved_queues(port);
  if (queues.empty()) return;
  const char* netdev = port.port->info().name.c_str();
  const unsigned own = rte_eth_devices[port.port_id].data->nb_rx_queues;
  ZLOG(NOTICE,
       "port %u (%s): packets that %s puts into its receive queues %s go to the kernel's stack, no port here "
       "serves those; to get all of them: `ethtool -L %s combined %u`, `ethtool -X %s start %u equal %u`, or "
       "queue_count= and as many RX queues as the netdev has",
       port.port_id, port.name.c_str(), netdev, queues.c_str(), netdev, std::max(1U, own), netdev,
       static_cast<unsigned>(port.config().start_queue), std::max(1U, own));
}

}  // namespace zcnbrh::pmd
