// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the kernel knows of a network interface (a "netdev"), and the settings a port may change on it.
// Everything goes by rtnetlink in the calling thread's network namespace, with a socket of its own a call:
// any thread, no state, control path only. Nothing here outlives a call but PacketHold.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace zcnbrh {

using MacAddress = std::array<uint8_t, 6>;

struct NetdevInfo {
  int ifindex = 0;
  std::string name;
  uint32_t mtu = 0, min_mtu = 0, max_mtu = 0;  // bytes without the Ethernet header; max_mtu 0: no limit told
  MacAddress mac{};                            // zeros: the interface is not Ethernet-like
  bool admin_up = false;                       // IFF_UP
  bool carrier = false;                        // and the link has a signal
  bool promisc = false;                        // somebody (not only us) holds it promiscuous

  std::string driver;           // "igb", "virtio_net", "veth"; empty: unknown
  int numa_node = -1;           // of the device or its bus parent; -1: unknown
  bool has_device = false;      // there is hardware (or a virtual machine's) behind it
  bool dma_translated = false;  // an IOMMU translates the device's addresses page by page; in doubt true
  std::string dma_reason;       // why we think so
  uint32_t rx_queues = 0, tx_queues = 0;  // in use now, not the most there could be

  bool xdp_attached = false;  // an XDP program of anybody's
  uint32_t xdp_prog_id =
      0;                  // the driver-mode program where there is one, else the SKB-mode, else the offloaded
  uint32_t xdp_mode = 0;  // XDP_ATTACHED_* of <linux/if_link.h>
};

// Both fail with ENODEV (no such interface here), EINVAL (a name that cannot be one), or the errors of a
// netlink socket. A name may be an alternative one (ip link property, 5.5).
Result<NetdevInfo> netdev_query(const std::string& name);
Result<NetdevInfo> netdev_query(int ifindex);

struct LinkState {
  bool up = false;          // administratively up and with carrier
  uint32_t speed_mbps = 0;  // 0: unknown
  bool full_duplex = false;
  bool autoneg = false;
};
// Cheap enough for a poll a second: one small netlink exchange and two ioctls. ENODEV when the interface is
// gone.
Result<LinkState> netdev_link_state(int ifindex);

// Descriptors of one of the NIC's own receive rings; nothing where the driver has none or does not say.
std::optional<uint32_t> netdev_rx_ring(const std::string& name);

// The setters need CAP_NET_ADMIN (EPERM) and change nothing when they fail.
// EINVAL with the permitted range; the driver may refuse more (veth: EINVAL beside a small peer or a program).
Status netdev_set_mtu(int ifindex, uint32_t mtu);
// EADDRNOTAVAIL for a multicast or all-zero address; EBUSY where the driver wants the interface down first.
Status netdev_set_mac(int ifindex, const MacAddress& mac);
Status netdev_set_up(int ifindex, bool up);

// Keeps an interface receiving what it would filter out, while this lives: all packets, all multicast, or those
// to single addresses. Each is one membership of the kernel's count, so another user's is left alone, and a
// process that dies leaves nothing behind. Move-only. Needs CAP_NET_RAW. ENODEV: no such interface.
class PacketHold {
 public:
  enum class What { kPromiscuous, kAllMulticast };
  static Result<PacketHold> create(int ifindex, What what);
  // For addresses; none yet.
  static Result<PacketHold> create(int ifindex);

  // Unicast and multicast ones alike. Errors: of setsockopt(2); ENOBUFS, EINVAL: the interface has no room, or
  // no filter, for more.
  Status add(const MacAddress& address);
  Status remove(const MacAddress& address);

 private:
  PacketHold(UniqueFd packet_socket, int ifindex)
      : packet_socket_(std::move(packet_socket)), ifindex_(ifindex) {}
  Status change(int option, uint16_t type, const MacAddress* address);
  UniqueFd packet_socket_;  // AF_PACKET without a protocol: it never receives
  int ifindex_;
};

// The kernel's own counters of the interface, since it exists (struct rtnl_link_stats64). What each driver
// counts in them differs; packets an AF_XDP socket took or lost are not always among them.
struct NetdevStats {
  uint64_t rx_packets = 0, tx_packets = 0;
  uint64_t rx_bytes = 0, tx_bytes = 0;
  uint64_t rx_errors = 0, tx_errors = 0;
  uint64_t rx_dropped = 0, tx_dropped = 0;  // by the kernel or the driver
  uint64_t rx_missed_errors = 0;            // by the NIC, no buffer posted in time
  uint64_t rx_over_errors = 0, rx_fifo_errors = 0, rx_crc_errors = 0, rx_length_errors = 0;
  uint64_t multicast = 0;
};
Result<NetdevStats> netdev_stats(int ifindex);

}  // namespace zcnbrh
