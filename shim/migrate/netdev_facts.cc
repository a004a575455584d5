// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>

#include <algorithm>
#include <memory>

#include "lib/netdev/ethtool_calls.h"
#include "lib/netdev/netdev.h"
#include "shim/migrate/nics.h"

namespace zcnbrh::migrate {
namespace {

std::vector<std::string> addresses_of(const std::string& netdev) {
  std::vector<std::string> out;
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) != 0) return out;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> all(raw, ::freeifaddrs);
  for (const ifaddrs* one = raw; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || netdev != one->ifa_name) continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (one->ifa_addr->sa_family == AF_INET)
      ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, text, sizeof text);
    if (one->ifa_addr->sa_family == AF_INET6) {
      const in6_addr& address = reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr;
      // Every interface that is up has a link-local one; it says nothing.
      if (!IN6_IS_ADDR_LINKLOCAL(&address)) ::inet_ntop(AF_INET6, &address, text, sizeof text);
    }
    if (text[0] != '\0') out.emplace_back(text);
  }
  return out;
}

uint32_t most_rx_queues(const std::string& name) {
  NetdevEthtool nic(name);
  struct ethtool_channels channels {};
  channels.cmd = ETHTOOL_GCHANNELS;
  return nic.call(&channels) == 0 ? channels.max_combined + channels.max_rx : 0;
}

}  // namespace

NetdevFacts netdev_facts(const std::string& name, int ifindex) {
  NetdevFacts out;
  out.name = name;
  const auto info = netdev_query(name);
  if (!info || (ifindex != 0 && info->ifindex != ifindex)) return out;
  out.here = true;
  out.driver = info->driver;
  out.up = info->admin_up;
  out.carrier = info->carrier;
  out.mtu = info->mtu;
  out.rx_queues = info->rx_queues;
  out.tx_queues = info->tx_queues;
  out.most_rx_queues = most_rx_queues(name);
  out.xdp_program = info->xdp_attached ? info->xdp_prog_id : 0;
  out.addresses = addresses_of(name);
  if (const auto features = query_xdp_features(info->ifindex)) out.features = *features;
  return out;
}

}  // namespace zcnbrh::migrate
