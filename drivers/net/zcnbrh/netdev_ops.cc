// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What ethdev sets on the netdev itself: MTU, addresses, promiscuous mode.
#include <cerrno>
#include <cstring>

#include "drivers/net/zcnbrh/jumbo.h"
#include "drivers/net/zcnbrh/ops.h"

namespace zcnbrh::pmd {
namespace {

int mtu_set(struct rte_eth_dev* dev, uint16_t mtu) noexcept {
  PmdPort& port = *port_of(dev);
  if (Status s = check_mtu(port, mtu); !s) return log_error(port, "set MTU", s.error());
  if (port.port->is_loop()) return 0;
  if (Status s = netdev_set_mtu(port.port->ifindex(), mtu); !s) return log_error(port, "set MTU", s.error());
  return 0;
}

int mac_addr_set(struct rte_eth_dev* dev, struct rte_ether_addr* address) noexcept {
  PmdPort& port = *port_of(dev);
  if (port.port->is_loop()) return 0;
  MacAddress mac;
  std::memcpy(mac.data(), address->addr_bytes, mac.size());
  // ethdev replays the address at each start; leave the interface alone when it has it already.
  if (auto now = netdev_query(port.port->ifindex()); now && now->mac == mac) return 0;
  if (Status s = netdev_set_mac(port.port->ifindex(), mac); !s)
    return log_error(port, "set MAC address", s.error());
  return 0;
}

int promiscuous_enable(struct rte_eth_dev* dev) noexcept {
  PmdPort& port = *port_of(dev);
  if (port.port->is_loop() || port.promisc) return 0;
  auto hold = PromiscHold::create(port.port->ifindex());
  if (!hold) return log_error(port, "promiscuous mode", hold.error());
  port.promisc.emplace(std::move(*hold));
  return 0;
}

int promiscuous_disable(struct rte_eth_dev* dev) noexcept {
  port_of(dev)->promisc.reset();
  return 0;
}

}  // namespace

void add_netdev_ops(struct eth_dev_ops& ops) {
  ops.mtu_set = mtu_set;
  ops.mac_addr_set = mac_addr_set;
  ops.promiscuous_enable = promiscuous_enable;
  ops.promiscuous_disable = promiscuous_disable;
}

}  // namespace zcnbrh::pmd
