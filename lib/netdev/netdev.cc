// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/netdev.h"

#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "lib/base/netlink.h"
#include "lib/netdev/ethtool.h"
#include "lib/netdev/link_message.h"
#include "lib/netdev/sysfs.h"

namespace zcnbrh {
namespace {

constexpr size_t kMaxAltName = 127;  // ALTIFNAMSIZ - 1, net/core/dev.c

std::string by_index(int ifindex) { return "interface with index " + std::to_string(ifindex); }

// Says what a person can do about the errors that have a common cause; `who` names the interface.
Error explain(Error error, const std::string& who) {
  std::string cure;
  switch (error.code) {
    case ENODEV:
      cure = "no such netdev; check `ip link`, or the network namespace";
      break;
    case EPERM:
      cure = "not permitted; CAP_NET_ADMIN is needed in the user namespace that owns the netdev";
      break;
    case EBUSY:
      cure = "busy; the driver wants the interface down first";
      break;
    default:
      cure = "refused";
      break;
  }
  error.why = who + ": " + cure + (error.why.empty() ? "" : " (" + error.why + ")");
  return error;
}

Result<LinkMessage> fetch_link(Netlink& route, int ifindex, const std::string& name, bool with_stats) {
  ifinfomsg link{};
  link.ifi_index = ifindex;
  NetlinkRequest request(RTM_GETLINK, 0, link);
  if (!with_stats) request.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  if (!name.empty()) request.put_string(name.size() < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name.c_str());
  std::optional<LinkMessage> out;
  Status status = route.transact(request, "rtnetlink RTM_GETLINK", [&](const nlmsghdr* reply) {
    if (reply->nlmsg_type == RTM_NEWLINK) out = parse_link_message(reply);
  });
  const std::string who = name.empty() ? by_index(ifindex) : "iface " + name;
  if (!status) return explain(status.error(), who);
  if (!out) return explain(Error{ENODEV, "rtnetlink RTM_GETLINK", "an empty answer"}, who);
  return *std::move(out);
}

Result<LinkMessage> fetch_link(int ifindex, bool with_stats) {
  if (ifindex <= 0) return explain(Error{ENODEV, "rtnetlink RTM_GETLINK", {}}, by_index(ifindex));
  Result<Netlink> route = Netlink::open(NETLINK_ROUTE);
  if (!route) return route.error();
  return fetch_link(*route, ifindex, {}, with_stats);
}

void add_queue_counts(int fd, const LinkMessage& link, const std::string& entry, NetdevInfo& info) {
  info.rx_queues = sysfs_queue_count(entry, "rx-");
  info.tx_queues = sysfs_queue_count(entry, "tx-");
  if (info.rx_queues == 0 || info.tx_queues == 0) {
    if (std::optional<EthtoolChannels> channels = ethtool_channels(fd, info.name)) {
      info.rx_queues = channels->rx;
      info.tx_queues = channels->tx;
    }
  }
  // Last resort, and a guard against a driver that counts what does not exist.
  if (info.rx_queues == 0 || info.rx_queues > link.max_rx_queues)
    info.rx_queues = std::max(link.max_rx_queues, 1U);
  if (info.tx_queues == 0 || info.tx_queues > link.max_tx_queues)
    info.tx_queues = std::max(link.max_tx_queues, 1U);
}

void add_device(const LinkMessage& link, const std::string& entry, NetdevInfo& info) {
  const std::string root = kSysfsRoot;
  const std::string path = sysfs_device_path(root, link.parent_bus, link.parent_device, entry);
  if (!path.empty()) {
    DmaTranslation dma = sysfs_dma_translation(root, path);
    info.has_device = true;
    info.numa_node = sysfs_numa_node(root, path);
    info.dma_translated = dma.translated;
    info.dma_reason = std::move(dma.reason);
  } else if (!link.parent_device.empty() || (link.kind.empty() && entry.empty())) {
    // Hardware that sysfs does not show, or a kernel older than 5.14 and another namespace's sysfs.
    info.has_device = !link.parent_device.empty();
    info.dma_translated = true;
    info.dma_reason = "sysfs does not show the device, so DMA translation is assumed";
  } else {
    info.dma_reason = "software interface, no DMA";
  }
}

Result<NetdevInfo> complete(Netlink& route, Result<LinkMessage> link) {
  if (!link) return link.error();
  NetdevInfo info = link->info;
  const std::string entry = sysfs_net_entry(kSysfsRoot, info.name, info.ifindex, info.mac);
  info.driver = ethtool_driver(route.fd(), info.name);
  if (info.driver.empty()) info.driver = link->kind;
  add_queue_counts(route.fd(), *link, entry, info);
  add_device(*link, entry, info);
  return info;
}

// RTM_NEWLINK on an existing interface; `fill` adds what to change.
template <typename Fill>
Status change_link(int ifindex, uint32_t flags, uint32_t flag_mask, Fill&& fill) {
  if (ifindex <= 0) return explain(Error{ENODEV, "rtnetlink RTM_NEWLINK", {}}, by_index(ifindex));
  Result<Netlink> route = Netlink::open(NETLINK_ROUTE);
  if (!route) return route.error();
  ifinfomsg link{};
  link.ifi_index = ifindex;
  link.ifi_flags = flags;
  link.ifi_change = flag_mask;
  NetlinkRequest request(RTM_NEWLINK, 0, link);
  fill(request);
  Status status = route->transact(request, "rtnetlink RTM_NEWLINK");
  return status ? status : Status(explain(status.error(), by_index(ifindex)));
}

}  // namespace

Result<NetdevInfo> netdev_query(const std::string& name) {
  if (name.empty() || name.size() > kMaxAltName || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos) {
    return Error{
        EINVAL, "netdev_query",
        "iface \"" + name.substr(0, IFNAMSIZ) + "\": not an interface name (1 to 15 characters without /)"};
  }
  Result<Netlink> route = Netlink::open(NETLINK_ROUTE);
  if (!route) return route.error();
  return complete(*route, fetch_link(*route, 0, name, false));
}

Result<NetdevInfo> netdev_query(int ifindex) {
  if (ifindex <= 0) return explain(Error{ENODEV, "rtnetlink RTM_GETLINK", {}}, by_index(ifindex));
  Result<Netlink> route = Netlink::open(NETLINK_ROUTE);
  if (!route) return route.error();
  return complete(*route, fetch_link(*route, ifindex, {}, false));
}

Result<LinkState> netdev_link_state(int ifindex) {
  if (ifindex <= 0) return explain(Error{ENODEV, "rtnetlink RTM_GETLINK", {}}, by_index(ifindex));
  Result<Netlink> route = Netlink::open(NETLINK_ROUTE);
  if (!route) return route.error();
  Result<LinkMessage> link = fetch_link(*route, ifindex, {}, false);
  if (!link) return link.error();
  LinkState out;
  out.up = link->info.carrier;
  if (std::optional<EthtoolLink> ethtool = ethtool_link(route->fd(), link->info.name)) {
    out.speed_mbps = ethtool->speed_mbps;
    out.full_duplex = ethtool->full_duplex;
    out.autoneg = ethtool->autoneg;
  }
  return out;
}

Status netdev_set_mtu(int ifindex, uint32_t mtu) {
  Result<LinkMessage> link = fetch_link(ifindex, false);
  if (!link) return link.error();
  const uint32_t low = link->info.min_mtu;
  const uint32_t high = link->info.max_mtu == 0 ? UINT32_MAX : link->info.max_mtu;
  if (mtu < low || mtu > high) {
    return Error{EINVAL, "netdev_set_mtu",
                 "iface " + link->info.name + ": an MTU of " + std::to_string(mtu) + " is outside " +
                     std::to_string(low) + " to " + std::to_string(high)};
  }
  if (mtu == link->info.mtu) return {};
  return change_link(ifindex, 0, 0, [&](NetlinkRequest& request) { request.put_u32(IFLA_MTU, mtu); });
}

Status netdev_set_mac(int ifindex, const MacAddress& mac) {
  const bool zero = mac == MacAddress{};
  if (zero || (mac[0] & 1) != 0) {
    return Error{EADDRNOTAVAIL, "netdev_set_mac",
                 by_index(ifindex) + (zero ? ": the all-zero address" : ": a multicast address") +
                     " cannot be an interface's own"};
  }
  return change_link(ifindex, 0, 0,
                     [&](NetlinkRequest& request) { request.put(IFLA_ADDRESS, mac.data(), mac.size()); });
}

Status netdev_set_up(int ifindex, bool up) {
  return change_link(ifindex, up ? IFF_UP : 0, IFF_UP, [](NetlinkRequest&) {});
}

Result<PacketHold> PacketHold::create(int ifindex) {
  UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!fd)
    return Error{errno, "socket(AF_PACKET)",
                 errno == EPERM ? "what the netdev is to receive is held by a packet socket, which needs "
                                  "CAP_NET_RAW in the network namespace"
                                : ""};
  return PacketHold(std::move(fd), ifindex);
}

Result<PacketHold> PacketHold::create(int ifindex, What what) {
  Result<PacketHold> hold = create(ifindex);
  if (!hold) return hold;
  const uint16_t type = what == What::kPromiscuous ? PACKET_MR_PROMISC : PACKET_MR_ALLMULTI;
  if (Status s = hold->change(PACKET_ADD_MEMBERSHIP, type, nullptr); !s) return s.error();
  return hold;
}

Status PacketHold::add(const MacAddress& address) {
  const bool multicast = (address[0] & 1) != 0;
  return change(PACKET_ADD_MEMBERSHIP, multicast ? PACKET_MR_MULTICAST : PACKET_MR_UNICAST, &address);
}

Status PacketHold::remove(const MacAddress& address) {
  const bool multicast = (address[0] & 1) != 0;
  return change(PACKET_DROP_MEMBERSHIP, multicast ? PACKET_MR_MULTICAST : PACKET_MR_UNICAST, &address);
}

Status PacketHold::change(int option, uint16_t type, const MacAddress* address) {
  packet_mreq membership{};
  membership.mr_ifindex = ifindex_;
  membership.mr_type = type;
  if (address != nullptr) {
    membership.mr_alen = static_cast<uint16_t>(address->size());
    std::copy(address->begin(), address->end(), membership.mr_address);
  }
  if (::setsockopt(packet_socket_.get(), SOL_PACKET, option, &membership, sizeof membership) == 0) return {};
  return explain(Error{errno,
                       option == PACKET_ADD_MEMBERSHIP ? "setsockopt(PACKET_ADD_MEMBERSHIP)"
                                                       : "setsockopt(PACKET_DROP_MEMBERSHIP)",
                       {}},
                 by_index(ifindex_));
}

Result<NetdevStats> netdev_stats(int ifindex) {
  Result<LinkMessage> link = fetch_link(ifindex, true);
  if (!link) return link.error();
  if (!link->has_stats) {
    return Error{ENODATA, "rtnetlink RTM_GETLINK", by_index(ifindex) + ": the kernel told no statistics"};
  }
  const rtnl_link_stats64& from = link->stats;
  NetdevStats out;
  out.rx_packets = from.rx_packets, out.tx_packets = from.tx_packets;
  out.rx_bytes = from.rx_bytes, out.tx_bytes = from.tx_bytes;
  out.rx_errors = from.rx_errors, out.tx_errors = from.tx_errors;
  out.rx_dropped = from.rx_dropped, out.tx_dropped = from.tx_dropped;
  out.rx_missed_errors = from.rx_missed_errors;
  out.rx_over_errors = from.rx_over_errors, out.rx_fifo_errors = from.rx_fifo_errors;
  out.rx_crc_errors = from.rx_crc_errors, out.rx_length_errors = from.rx_length_errors;
  out.multicast = from.multicast;
  return out;
}

std::optional<uint32_t> netdev_rx_ring(const std::string& name) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return fd ? ethtool_rx_ring(fd.get(), name) : std::nullopt;
}

}  // namespace zcnbrh
