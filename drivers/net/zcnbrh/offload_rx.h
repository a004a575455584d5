// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Receive offloads on the packets that a burst has delivered: packet type, VLAN filter, VLAN and QinQ strip,
// checksum status, RSS hash, time stamp in software; and what the device knows, where the XDP program wrote it
// before the packet (bpf/zcnbrh_meta.h): hash, VLAN tag, time stamp, and the mark of a flow rule. A queue for
// which nothing is asked runs the plain burst and pays nothing.
#pragma once

#include <ethdev_driver.h>

#include <atomic>
#include <cstdint>

#include "drivers/net/zcnbrh/offload_tx.h"
#include "drivers/net/zcnbrh/soft_rss.h"
#include "drivers/net/zcnbrh/timesync.h"
#include "lib/xsk/queue_state.h"

namespace zcnbrh::pmd {

inline constexpr uint64_t kRxChecksumOffloads =
    RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
// RTE_ETH_RX_OFFLOAD_* that the software here delivers on any device.
inline constexpr uint64_t kSoftRxOffloads = kRxChecksumOffloads | RTE_ETH_RX_OFFLOAD_VLAN_STRIP |
                                            RTE_ETH_RX_OFFLOAD_QINQ_STRIP | RTE_ETH_RX_OFFLOAD_VLAN_FILTER |
                                            RTE_ETH_RX_OFFLOAD_TIMESTAMP;

// The metadata that serves these offloads.
uint32_t metadata_for(uint64_t rx_offloads);

// What a burst does with each packet. Written by the control thread, also while the burst runs (VLAN strip
// and packet types may be switched at any time), read once a burst.
struct RxOffload {
  uint64_t of_queue = 0;                  // RTE_ETH_RX_OFFLOAD_* given at queue set-up, beside the port's
  std::atomic<uint64_t> offloads{0};      // the port's and the queue's, of kSoftRxOffloads
  std::atomic<uint32_t> packet_types{0};  // RTE_PTYPE_*_MASK bits wanted in packet_type
  std::atomic<uint32_t> metadata{0};      // enum zcnbrh_meta_field: what the XDP program writes and is wanted

  std::atomic<const SoftRss*> hash{nullptr};     // computed in software; null: it is not
  std::atomic<PortTimesync*> timesync{nullptr};  // IEEE 1588 packets are told and stamped; null: they are not

  const struct rte_vlan_filter_conf* vlans = nullptr;  // ethdev's own table of those that are let in

  bool any() const {
    constexpr auto kRelaxed = std::memory_order_relaxed;
    return offloads.load(kRelaxed) != 0 || packet_types.load(kRelaxed) != 0 || metadata.load(kRelaxed) != 0 ||
           hash.load(kRelaxed) != nullptr || timesync.load(kRelaxed) != nullptr;
  }
};

// What the application wants of packet types. Software parses, so only for those who look: a program that
// never asks which types there are (rte_eth_dev_get_supported_ptypes(), rte_eth_dev_set_ptypes()) cannot know
// of any, and does not pay for them.
struct PacketTypes {
  bool asked = false;   // the list was read, or packet_types=1
  bool chosen = false;  // rte_eth_dev_set_ptypes() was called, with `mask`
  uint32_t mask = 0;

  uint32_t wanted() const { return chosen ? mask : asked ? RTE_PTYPE_ALL_MASK : 0; }
};

struct OffloadPort {
  TxDevice device;  // what is asked of it by TX metadata
  PacketTypes packet_types;
};

// Registers the mbuf field and flag of RTE_ETH_RX_OFFLOAD_TIMESTAMP. 0 or -errno.
int register_rx_timestamp();

uint64_t software_clock_ns();  // CLOCK_REALTIME, as the kernel's own software time stamps

// Returns how many are left: those of VLANs that are not let in are freed and counted.
uint16_t finish_received(const RxOffload& wanted, struct rte_mbuf** packets, uint16_t count,
                         RxCounters& counters, Counter& dropped_vlan);

}  // namespace zcnbrh::pmd
