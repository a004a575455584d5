// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Offloads as ethdev sees them: what is on offer, what was chosen, and what may be switched while the port
// runs (VLAN strip, packet types). What a burst reads is set here, at start and at each switch.
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf_dyn.h>

#include <cerrno>

#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/ops.h"
#include "lib/xdp/rx_metadata.h"

namespace zcnbrh::pmd {
namespace {

// What rte_net_get_ptype() tells apart in the layers that are asked of it.
constexpr uint32_t kPacketTypes[] = {RTE_PTYPE_L2_ETHER,    RTE_PTYPE_L2_ETHER_VLAN, RTE_PTYPE_L2_ETHER_QINQ,
                                     RTE_PTYPE_L3_IPV4,     RTE_PTYPE_L3_IPV4_EXT,   RTE_PTYPE_L3_IPV6,
                                     RTE_PTYPE_L3_IPV6_EXT, RTE_PTYPE_L4_TCP,        RTE_PTYPE_L4_UDP,
                                     RTE_PTYPE_L4_SCTP,     RTE_PTYPE_L4_FRAG,       RTE_PTYPE_UNKNOWN};

uint64_t tx_offloads(const struct rte_eth_dev* dev, const QueueSlot& slot) {
  return slot.nb_tx != 0 ? dev->data->dev_conf.txmode.offloads | slot.tx_offload.of_queue : 0;
}
uint64_t rx_offloads(const struct rte_eth_dev* dev, const QueueSlot& slot) {
  return slot.nb_rx != 0 ? dev->data->dev_conf.rxmode.offloads | slot.rx_offload.of_queue : 0;
}

// The hash that a device tells is by its own key and types. A netdev without RSS (veth) hashes by rules of its
// own: not what was asked for by those who name types, and keys.
bool hash_is_devices(const struct rte_eth_dev* dev, const PmdPort& port) {
  const bool told = (port.port->device_metadata() & ZCNBRH_META_HASH) != 0;
  return told && (shared_of(dev)->rss.types() == 0 || nic_has_rss(port));
}

// A device's time stamps are worth something only beside its clock, see read_clock().
uint32_t metadata_wanted(const struct rte_eth_dev* dev, const PmdPort& port, const QueueSlot& slot) {
  uint32_t wanted = metadata_for(rx_offloads(dev, slot));
  if ((wanted & ZCNBRH_META_HASH) != 0 && !hash_is_devices(dev, port)) wanted &= ~uint32_t{ZCNBRH_META_HASH};
  if (!rx_stamps_are_devices(port)) return wanted & ~uint32_t{ZCNBRH_META_TIMESTAMP};
  return port.timesync.enabled && slot.nb_rx != 0 ? wanted | ZCNBRH_META_TIMESTAMP : wanted;
}

// The device stamps what it sends in zero-copy mode alone; in copy mode the kernel does, by another clock.
TxDevice device_of(const PmdPort& port, const QueueSlot& slot) {
  if (slot.umem == nullptr || slot.umem->layout().tx_metadata == 0) return {};
  TxDevice device = port.offloads.device;
  const bool zero_copy = slot.pair.outcome().mode == XskMode::kZeroCopy;
  device.timestamp = device.timestamp && (zero_copy || port.port->tx_features_forced());
  return device;
}

void set_queue(const struct rte_eth_dev* dev, PmdPort& port, QueueSlot& slot) {
  slot.rx_offload.vlans = &dev->data->vlan_filter_conf;
  slot.rx_offload.offloads.store(rx_offloads(dev, slot) & kSoftRxOffloads, std::memory_order_relaxed);
  const uint32_t marks =
      port.flow.marks ? uint32_t{ZCNBRH_META_MARK | ZCNBRH_META_FLAG} : 0;  // of flow rules, not of the device
  slot.rx_offload.metadata.store((metadata_wanted(dev, port, slot) & port.port->metadata()) | marks,
                                 std::memory_order_relaxed);
  const bool hashes = (rx_offloads(dev, slot) & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0 &&
                      (slot.rx_offload.metadata.load(std::memory_order_relaxed) & ZCNBRH_META_HASH) == 0;
  slot.rx_offload.hash.store(hashes ? &shared_of(dev)->rss : nullptr, std::memory_order_release);
  slot.rx_offload.packet_types.store(port.offloads.packet_types.wanted(), std::memory_order_relaxed);
  const uint64_t tx = tx_offloads(dev, slot);
  slot.tx_policy.device = device_of(port, slot);
  slot.tx_policy.stamp = &slot.timesync.tx;
  slot.tx_policy.clock = &port.timesync;
  slot.tx_offload.flags = tx_flags_of(tx);
  if ((tx & RTE_ETH_TX_OFFLOAD_SEND_ON_TIMESTAMP) != 0)
    slot.tx_offload.flags |= slot.tx_policy.device.launch_flag;
  if (port.timesync.enabled) slot.tx_offload.flags |= RTE_MBUF_F_TX_IEEE1588_TMST;
  slot.tx_policy.flags = slot.tx_offload.flags;
  slot.rx_offload.timesync.store(port.timesync.enabled ? &port.timesync : nullptr, std::memory_order_release);
}

// Has the device's metadata written, as far as it has any; the software does the rest.
void use_metadata(const struct rte_eth_dev* dev, PmdPort& port) {
  uint32_t wanted = 0;
  for (const auto& slot : port.slots) wanted |= metadata_wanted(dev, port, *slot);
  const Status s = port.port->use_metadata(wanted);
  if (!s)
    ZLOG(NOTICE, "port %u (%s): no receive metadata of the device: %s", port.port_id, port.name.c_str(),
         s.error().text().c_str());
}

// What is to be asked of the device by TX metadata, for the UMEMs of queues that are opened from now on.
Result<TxDevice> device_for(const PmdPort& port, uint64_t rx, uint64_t tx) {
  TxDevice device;
  const uint64_t has = port.port->device_tx_features();
  device.checksum = (tx & (RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM)) != 0 &&
                    (has & uapi::kNetdevXskTxChecksum) != 0;
  const bool launches =
      (tx & RTE_ETH_TX_OFFLOAD_SEND_ON_TIMESTAMP) != 0 && (has & uapi::kNetdevXskTxLaunchTimeFifo) != 0;
  if (launches && rte_mbuf_dyn_tx_timestamp_register(&device.launch_at, &device.launch_flag) != 0)
    return Error{rte_errno, "RTE_ETH_TX_OFFLOAD_SEND_ON_TIMESTAMP", "no room in mbufs for the dynamic field"};
  device.timestamp =
      (port.timesync.enabled || (rx & RTE_ETH_RX_OFFLOAD_TIMESTAMP) != 0) && device_stamps_sent(port);
  if (device.checksum || launches || device.timestamp) device.bytes = sizeof(uapi::XskTxMetadata);
  return device;
}

int vlan_offload_set(struct rte_eth_dev* dev, int /*mask*/) noexcept {
  if (port_of(dev) == nullptr) return -ENOTSUP;
  switch_bursts(dev);  // ethdev has noted the choice in dev_conf, and checked it against what is on offer
  return 0;
}

// ethdev keeps the table that the bursts read, and writes it once this has said yes.
int vlan_filter_set(struct rte_eth_dev* dev, uint16_t /*id*/, int /*on*/) noexcept {
  return port_of(dev) != nullptr ? 0 : -ENOTSUP;
}

void vlan_strip_queue_set(struct rte_eth_dev* dev, uint16_t queue, int on) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr || queue >= port->queues()) return;
  uint64_t& of_queue = port->slots[queue]->rx_offload.of_queue;
  of_queue = on != 0 ? of_queue | RTE_ETH_RX_OFFLOAD_VLAN_STRIP : of_queue & ~RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
  switch_bursts(dev);
}

const uint32_t* supported_ptypes_get(struct rte_eth_dev* dev) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return nullptr;
  if (!port->offloads.packet_types.asked) {
    port->offloads.packet_types.asked = true;
    switch_bursts(dev);
  }
  return kPacketTypes;
}

int ptypes_set(struct rte_eth_dev* dev, uint32_t mask) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  port->offloads.packet_types.chosen = true;
  port->offloads.packet_types.mask = mask;
  switch_bursts(dev);
  return 0;
}

// The clock that received packets are stamped with.
int read_clock(struct rte_eth_dev* dev, uint64_t* clock) noexcept {
  const PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  *clock = rx_stamps_are_devices(*port) ? port->timesync.phc->now_ns() : software_clock_ns();
  return 0;
}

}  // namespace

// A burst that runs meanwhile ends as it began: both variants work on the same queue.
void switch_bursts(struct rte_eth_dev* dev) {
  PmdPort& port = *port_of(dev);
  if (port.port->attached()) use_metadata(dev, port);
  for (const auto& slot : port.slots) set_queue(dev, port, *slot);
  if (dev->data->dev_started == 0) return;
  choose_bursts(dev);
  rte_eth_fp_ops[dev->data->port_id].rx_pkt_burst = dev->rx_pkt_burst;
  rte_eth_fp_ops[dev->data->port_id].tx_pkt_burst = dev->tx_pkt_burst;
}

void add_offload_ops(struct eth_dev_ops& ops) {
  ops.vlan_filter_set = vlan_filter_set;
  ops.vlan_offload_set = vlan_offload_set;
  ops.vlan_strip_queue_set = vlan_strip_queue_set;
  ops.dev_supported_ptypes_get = supported_ptypes_get;
  ops.dev_ptypes_set = ptypes_set;
  ops.read_clock = read_clock;
}

void add_offload_info(const PmdPort& port, struct rte_eth_dev_info& info) {
  const uint64_t rx = kSoftRxOffloads | RTE_ETH_RX_OFFLOAD_RSS_HASH;
  info.rx_offload_capa |= rx;
  info.rx_queue_offload_capa |= rx;
  const bool launches = (port.port->device_tx_features() & uapi::kNetdevXskTxLaunchTimeFifo) != 0;
  const uint64_t tx = kSoftTxOffloads | (launches ? RTE_ETH_TX_OFFLOAD_SEND_ON_TIMESTAMP : 0);
  info.tx_offload_capa |= tx;
  info.tx_queue_offload_capa |= tx;
}

// The metadata's room is part of the UMEM, so a queue that was opened without it goes and comes back.
Status prepare_offloads(struct rte_eth_dev* dev) {
  PmdPort& port = *port_of(dev);
  uint64_t rx = 0;
  uint64_t tx = 0;
  for (const auto& slot : port.slots) rx |= rx_offloads(dev, *slot);
  for (const auto& slot : port.slots) tx |= tx_offloads(dev, *slot);
  if (port.timesync.enabled || (rx & RTE_ETH_RX_OFFLOAD_TIMESTAMP) != 0) {
    port.timesync.looked_for.reset();  // it may be there by now, and ours to open
    find_clock(port);
  }
  auto device = device_for(port, rx, tx);
  if (!device) return device.error();
  port.offloads.device = *device;
  for (uint16_t queue = 0; queue < port.queues(); ++queue) {
    const QueueSlot& slot = *port.slots[queue];
    if (slot.pair && slot.umem && slot.umem->layout().tx_metadata != device->bytes) close_queue(port, queue);
  }
  return {};
}

Status apply_offloads(struct rte_eth_dev* dev) {
  PmdPort& port = *port_of(dev);
  uint64_t all = 0;
  for (const auto& slot : port.slots) all |= rx_offloads(dev, *slot);
  if ((all & RTE_ETH_RX_OFFLOAD_TIMESTAMP) != 0) {
    if (register_rx_timestamp() != 0)
      return Error{rte_errno, "RTE_ETH_RX_OFFLOAD_TIMESTAMP",
                   "no room in mbufs for the time stamp's dynamic field"};
  }
  if ((all & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0) follow_nic_rss(dev);
  use_metadata(dev, port);
  for (const auto& slot : port.slots) set_queue(dev, port, *slot);
  return {};
}

}  // namespace zcnbrh::pmd
