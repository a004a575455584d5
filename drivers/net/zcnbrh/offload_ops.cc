// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Offloads as ethdev sees them: what is on offer, what was chosen, and what may be switched while the port
// runs (VLAN strip, packet types). What a burst reads is set here, at start and at each switch.
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <cerrno>

#include "drivers/net/zcnbrh/ops.h"

namespace zcnbrh::pmd {
namespace {

// What rte_net_get_ptype() tells apart in the layers that are asked of it.
constexpr uint32_t kPacketTypes[] = {RTE_PTYPE_L2_ETHER,    RTE_PTYPE_L2_ETHER_VLAN, RTE_PTYPE_L2_ETHER_QINQ,
                                     RTE_PTYPE_L3_IPV4,     RTE_PTYPE_L3_IPV4_EXT,   RTE_PTYPE_L3_IPV6,
                                     RTE_PTYPE_L3_IPV6_EXT, RTE_PTYPE_L4_TCP,        RTE_PTYPE_L4_UDP,
                                     RTE_PTYPE_L4_SCTP,     RTE_PTYPE_L4_FRAG,       RTE_PTYPE_UNKNOWN};

void set_queue(const struct rte_eth_dev* dev, const PmdPort& port, QueueSlot& slot) {
  const struct rte_eth_conf& conf = dev->data->dev_conf;
  slot.rx_offload.offloads.store((conf.rxmode.offloads | slot.rx_offload.of_queue) & kSoftRxOffloads,
                                 std::memory_order_relaxed);
  slot.rx_offload.packet_types.store(port.packet_types.wanted(), std::memory_order_relaxed);
  slot.tx_offload.flags = slot.tx_policy.flags = tx_flags_of(conf.txmode.offloads | slot.tx_offload.of_queue);
}

// A burst that runs meanwhile ends as it began: both variants work on the same queue.
void switch_bursts(struct rte_eth_dev* dev) {
  PmdPort& port = *port_of(dev);
  for (const auto& slot : port.slots) set_queue(dev, port, *slot);
  if (dev->data->dev_started == 0) return;
  choose_bursts(dev);
  rte_eth_fp_ops[dev->data->port_id].rx_pkt_burst = dev->rx_pkt_burst;
}

int vlan_offload_set(struct rte_eth_dev* dev, int /*mask*/) noexcept {
  if (port_of(dev) == nullptr) return -ENOTSUP;
  switch_bursts(dev);  // ethdev has noted the choice in dev_conf, and checked it against what is on offer
  return 0;
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
  if (!port->packet_types.asked) {
    port->packet_types.asked = true;
    switch_bursts(dev);
  }
  return kPacketTypes;
}

int ptypes_set(struct rte_eth_dev* dev, uint32_t mask) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  port->packet_types.chosen = true;
  port->packet_types.mask = mask;
  switch_bursts(dev);
  return 0;
}

int read_clock(struct rte_eth_dev* /*dev*/, uint64_t* clock) noexcept {
  *clock = software_clock_ns();
  return 0;
}

}  // namespace

void add_offload_ops(struct eth_dev_ops& ops) {
  ops.vlan_offload_set = vlan_offload_set;
  ops.vlan_strip_queue_set = vlan_strip_queue_set;
  ops.dev_supported_ptypes_get = supported_ptypes_get;
  ops.dev_ptypes_set = ptypes_set;
  ops.read_clock = read_clock;
}

void add_offload_info(const PmdPort& /*port*/, struct rte_eth_dev_info& info) {
  info.rx_offload_capa |= kSoftRxOffloads;
  info.rx_queue_offload_capa |= kSoftRxOffloads;
  info.tx_offload_capa |= kSoftTxOffloads;
  info.tx_queue_offload_capa |= kSoftTxOffloads;
}

Status apply_offloads(struct rte_eth_dev* dev) {
  PmdPort& port = *port_of(dev);
  bool stamps = false;
  for (const auto& slot : port.slots) {
    set_queue(dev, port, *slot);
    stamps |= (slot->rx_offload.offloads.load(std::memory_order_relaxed) & RTE_ETH_RX_OFFLOAD_TIMESTAMP) != 0;
  }
  if (!stamps || register_rx_timestamp() == 0) return {};
  return Error{rte_errno, "RTE_ETH_RX_OFFLOAD_TIMESTAMP",
               "no room in mbufs for the time stamp's dynamic field"};
}

}  // namespace zcnbrh::pmd
