// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What ethdev sets on the netdev itself: MTU, addresses, what it is to receive. MTU and the interface's own
// address are the netdev's settings as `ip link` sets them, and stay when the port goes. The rest are
// memberships that go with it. ethdev says all of it again at each start, so each is without effect the second
// time.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "drivers/net/zcnbrh/jumbo.h"
#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/ops.h"

namespace zcnbrh::pmd {
namespace {

using What = PacketHold::What;

MacAddress mac_of(const struct rte_ether_addr& address) {
  MacAddress mac;
  std::memcpy(mac.data(), address.addr_bytes, mac.size());
  return mac;
}

bool has(const std::vector<MacAddress>& list, const MacAddress& mac) {
  return std::find(list.begin(), list.end(), mac) != list.end();
}

// While the netdev is away its settings are only noted; they are put in place when it is back.
bool without_netdev(const PmdPort& port) { return port.port->is_loop() || port.control.absent; }

// On a running port too: the kernel changes the MTU of a netdev that is up, sockets and all, or refuses.
int mtu_set(struct rte_eth_dev* dev, uint16_t mtu) noexcept {
  PmdPort& port = *port_of(dev);
  Status s = check_mtu(port, mtu);
  if (s && !without_netdev(port)) s = netdev_set_mtu(port.port->ifindex(), mtu);
  if (!s) return log_error(port, "set MTU", s.error());
  port.control.mtu = mtu;
  return 0;
}

Status set_own_address(const PmdPort& port, const MacAddress& mac) {
  // Leave the interface alone when it has it already.
  if (auto now = netdev_query(port.port->ifindex()); now && now->mac == mac) return {};
  return netdev_set_mac(port.port->ifindex(), mac);
}

int mac_addr_set(struct rte_eth_dev* dev, struct rte_ether_addr* address) noexcept {
  PmdPort& port = *port_of(dev);
  if (without_netdev(port)) return 0;
  if (Status s = set_own_address(port, mac_of(*address)); !s)
    return log_error(port, "set MAC address", s.error());
  return 0;
}

Status hold_address(PmdPort& port, const MacAddress& mac) {
  auto& hold = port.control.holds.addresses;
  if (!hold) {
    auto made = PacketHold::create(port.port->ifindex());
    if (!made) return made.error();
    hold.emplace(std::move(*made));
  }
  return hold->add(mac);
}

Status drop_address(PmdPort& port, const MacAddress& mac) {
  auto& hold = port.control.holds.addresses;
  return hold ? hold->remove(mac) : Status();
}

int mac_addr_add(struct rte_eth_dev* dev, struct rte_ether_addr* address, uint32_t, uint32_t) noexcept {
  PmdPort& port = *port_of(dev);
  if (port.port->is_loop()) return -ENOTSUP;
  const MacAddress mac = mac_of(*address);
  if (has(port.control.holds.unicast, mac)) return 0;
  if (!port.control.absent)
    if (Status s = hold_address(port, mac); !s) return log_error(port, "add MAC address", s.error());
  port.control.holds.unicast.push_back(mac);
  return 0;
}

void mac_addr_remove(struct rte_eth_dev* dev, uint32_t index) noexcept {
  PmdPort& port = *port_of(dev);
  const MacAddress mac = mac_of(dev->data->mac_addrs[index]);
  if (std::erase(port.control.holds.unicast, mac) == 0 || port.control.absent) return;
  if (Status s = drop_address(port, mac); !s) log_error(port, "remove MAC address", s.error());
}

// The new ones first, so that nothing common to both lists is missed meanwhile, and a refusal changes nothing.
Status exchange_multicast(PmdPort& port, const std::vector<MacAddress>& wanted) {
  const std::vector<MacAddress>& had = port.control.holds.multicast;
  std::vector<MacAddress> added;
  for (const MacAddress& mac : wanted) {
    if (has(had, mac) || has(added, mac)) continue;
    if (Status s = hold_address(port, mac); !s) {
      for (const MacAddress& undo : added) static_cast<void>(drop_address(port, undo).ok());
      return s;
    }
    added.push_back(mac);
  }
  for (const MacAddress& mac : had)
    if (!has(wanted, mac))
      if (Status s = drop_address(port, mac); !s) log_error(port, "multicast list", s.error());
  return {};
}

int set_mc_addr_list(struct rte_eth_dev* dev, struct rte_ether_addr* list, uint32_t count) noexcept {
  PmdPort& port = *port_of(dev);
  if (port.port->is_loop()) return -ENOTSUP;
  std::vector<MacAddress> wanted;
  for (uint32_t i = 0; i < count; ++i)
    if (const MacAddress mac = mac_of(list[i]); !has(wanted, mac)) wanted.push_back(mac);
  if (!port.control.absent)
    if (Status s = exchange_multicast(port, wanted); !s) return log_error(port, "multicast list", s.error());
  port.control.holds.multicast = std::move(wanted);
  return 0;
}

int hold(struct rte_eth_dev* dev, std::optional<PacketHold> NetdevHolds::*which, What what, const char* doing) {
  PmdPort& port = *port_of(dev);
  auto& held = port.control.holds.*which;
  if (without_netdev(port) || held) return 0;
  auto made = PacketHold::create(port.port->ifindex(), what);
  if (!made) return log_error(port, doing, made.error());
  held.emplace(std::move(*made));
  return 0;
}

int promiscuous_enable(struct rte_eth_dev* dev) noexcept {
  return hold(dev, &NetdevHolds::promiscuous, What::kPromiscuous, "promiscuous mode");
}
int promiscuous_disable(struct rte_eth_dev* dev) noexcept {
  port_of(dev)->control.holds.promiscuous.reset();
  return 0;
}
int allmulticast_enable(struct rte_eth_dev* dev) noexcept {
  return hold(dev, &NetdevHolds::all_multicast, What::kAllMulticast, "allmulticast mode");
}
int allmulticast_disable(struct rte_eth_dev* dev) noexcept {
  port_of(dev)->control.holds.all_multicast.reset();
  return 0;
}

void warn(const PmdPort& port, const char* what, const Error& error) {
  ZLOG(WARNING, "port %u (%s): %s not put on %s: %s", port.port_id, port.name.c_str(), what,
       port.port->info().name.c_str(), error.text().c_str());
}

}  // namespace

void add_netdev_ops(struct eth_dev_ops& ops) {
  ops.mtu_set = mtu_set;
  ops.mac_addr_set = mac_addr_set;
  ops.mac_addr_add = mac_addr_add;
  ops.mac_addr_remove = mac_addr_remove;
  ops.set_mc_addr_list = set_mc_addr_list;
  ops.promiscuous_enable = promiscuous_enable;
  ops.promiscuous_disable = promiscuous_disable;
  ops.allmulticast_enable = allmulticast_enable;
  ops.allmulticast_disable = allmulticast_disable;
}

void drop_holds(PmdPort& port) {
  port.control.holds.promiscuous.reset();
  port.control.holds.all_multicast.reset();
  port.control.holds.addresses.reset();
}

// A netdev that takes only some of it is better than none: each refusal is a warning.
void replay_settings(struct rte_eth_dev* dev) {
  PmdPort& port = *port_of(dev);
  const int ifindex = port.port->ifindex();
  if (port.control.mtu != 0)
    if (Status s = netdev_set_mtu(ifindex, port.control.mtu); !s) warn(port, "the MTU is", s.error());
  if (Status s = set_own_address(port, mac_of(dev->data->mac_addrs[0])); !s)
    warn(port, "the port's MAC address is", s.error());
  for (const auto* list : {&port.control.holds.unicast, &port.control.holds.multicast})
    for (const MacAddress& mac : *list)
      if (Status s = hold_address(port, mac); !s) warn(port, "an address is", s.error());
  if (dev->data->promiscuous != 0) promiscuous_enable(dev);
  if (dev->data->all_multicast != 0) allmulticast_enable(dev);
}

}  // namespace zcnbrh::pmd
