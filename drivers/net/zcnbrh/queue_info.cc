// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What a queue tells of itself: its set-up, its burst mode, its rings' state, and the address that a core
// asleep in UMWAIT watches. The functions that ethdev reaches through rte_eth_fp_ops (rx_queue_count and the
// descriptor status) run on the queue's own lcore between bursts; they read the rings' shared indices and two
// gauges and change nothing.
#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "drivers/net/zcnbrh/ops.h"

namespace zcnbrh::pmd {
namespace {

// Filled slots that the consumer has not taken yet, in a ring of which either side may be ours. Acquire: it
// pairs with the producer's store-release, as in KernelRing::peek().
template <typename Desc>
uint32_t filled(const RingMap<Desc>& ring) {
  if (ring.producer == nullptr) return 0;
  const uint32_t consumer = std::atomic_ref(*ring.consumer).load(std::memory_order_relaxed);
  return std::min(std::atomic_ref(*ring.producer).load(std::memory_order_acquire) - consumer, ring.size());
}

void rxq_info_get(struct rte_eth_dev* dev, uint16_t queue, struct rte_eth_rxq_info* info) noexcept {
  const PmdPort* port = port_of(dev);
  if (port == nullptr || queue >= port->slots.size()) return;
  const QueueSlot& slot = *port->slots[queue];
  info->mp = slot.rx_pool;
  info->conf = slot.control.rx_conf;
  info->avail_thresh = slot.control.threshold.percent;
  info->scattered_rx = dev->data->scattered_rx;
  info->nb_desc = static_cast<uint16_t>(slot.nb_rx);
  if (slot.rx_pool != nullptr)
    info->rx_buf_size = static_cast<uint16_t>(rte_pktmbuf_data_room_size(slot.rx_pool) - RTE_PKTMBUF_HEADROOM);
}

void txq_info_get(struct rte_eth_dev* dev, uint16_t queue, struct rte_eth_txq_info* info) noexcept {
  const PmdPort* port = port_of(dev);
  if (port == nullptr || queue >= port->slots.size()) return;
  info->conf = port->slots[queue]->control.tx_conf;
  info->nb_desc = static_cast<uint16_t>(port->slots[queue]->nb_tx);
}

int burst_mode_get(struct rte_eth_dev* dev, uint16_t queue, const char* burst,
                   struct rte_eth_burst_mode* mode) {
  const PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  if (queue >= port->slots.size() || !port->slots[queue]->pair.bound()) return -EINVAL;
  mode->flags = RTE_ETH_BURST_FLAG_PER_QUEUE;
  std::snprintf(mode->info, sizeof mode->info, "%s: %s", burst, describe_queue(*port, queue).c_str());
  return 0;
}
int rx_burst_mode_get(struct rte_eth_dev* dev, uint16_t queue, struct rte_eth_burst_mode* mode) noexcept {
  return burst_mode_get(dev, queue, rx_burst_name(dev), mode);
}
int tx_burst_mode_get(struct rte_eth_dev* dev, uint16_t queue, struct rte_eth_burst_mode* mode) noexcept {
  return burst_mode_get(dev, queue, tx_burst_name(dev), mode);
}

uint32_t rx_queue_count(void* queue) noexcept {
  return packets_waiting(*slot_of(*static_cast<QueueAddress*>(queue)));
}

// In the order in which they will be received: packets in the RX ring, then buffers the kernel may fill, then
// those that are missing since the pool ran out of them.
int rx_descriptor_status(void* queue, uint16_t offset) noexcept {
  QueueSlot& slot = *slot_of(*static_cast<QueueAddress*>(queue));
  const RxShared* shared = slot.pair.rx().s;
  if (shared == nullptr || offset >= slot.nb_rx) return -EINVAL;
  if (offset < filled(slot.pair.rx().rx)) return RTE_ETH_RX_DESC_DONE;
  return offset < shared->posted.get() ? RTE_ETH_RX_DESC_AVAIL : RTE_ETH_RX_DESC_UNAVAIL;
}

// From the next packet to be sent on: free descriptors, those the kernel is done with, those in flight.
int tx_descriptor_status(void* queue, uint16_t offset) noexcept {
  QueueSlot& slot = *slot_of(*static_cast<QueueAddress*>(queue));
  const TxShared* shared = slot.pair.tx().s;
  if (shared == nullptr || offset >= slot.nb_tx) return -EINVAL;
  const uint32_t done = filled(slot.pair.tx().completion);
  const uint32_t waiting = shared->in_flight.get() - done;
  return offset < slot.nb_tx - std::min(waiting, slot.nb_tx) ? RTE_ETH_TX_DESC_DONE : RTE_ETH_TX_DESC_FULL;
}

// The thread that sends on the queue calls it, by ethdev's rule.
int tx_done_cleanup(void* queue, uint32_t most) noexcept {
  QueueSlot& slot = *slot_of(*static_cast<QueueAddress*>(queue));
  const InsideBurst inside(slot.pair.tx().door);
  if (!inside) return -ENODEV;
  const OnlyUser alone(slot.tx->user);
  if (!alone) return -EBUSY;
  return static_cast<int>(give_back_sent(slot, most == 0 ? UINT32_MAX : most));
}

int nothing_came(const uint64_t producer, const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ]) noexcept {
  return static_cast<uint32_t>(producer) == static_cast<uint32_t>(opaque[0]) ? 0 : -1;
}

// The kernel stores the RX ring's producer index when packets have come. Where busy polling is on only our
// own system calls make it look for packets, so a core that sleeps would wait for ever.
int get_monitor_addr(void* queue, struct rte_power_monitor_cond* condition) noexcept {
  const RxLocal& rx = slot_of(*static_cast<QueueAddress*>(queue))->pair.rx();
  if (rx.rx.producer == nullptr) return -ENODEV;
  if (rx.busy_poll) return -ENOTSUP;
  condition->addr = rx.rx.producer;
  condition->size = sizeof(uint32_t);
  condition->fn = nothing_came;
  condition->opaque[0] = std::atomic_ref(*rx.rx.consumer).load(std::memory_order_relaxed);
  return 0;
}

}  // namespace

std::string describe_queue(const PmdPort& port, uint16_t queue) {
  const QueueSlot& slot = *port.slots[queue];
  if (!slot.pair.bound()) return "not open";
  return port.port->describe(slot.pair.outcome(), slot.pair.rx().busy_poll);
}

uint32_t packets_waiting(const QueueSlot& slot) { return filled(slot.pair.rx().rx); }

void set_queue_functions(struct rte_eth_dev* dev) {
  dev->rx_queue_count = rx_queue_count;
  dev->rx_descriptor_status = rx_descriptor_status;
  dev->tx_descriptor_status = tx_descriptor_status;
}

void add_queue_info_ops(struct eth_dev_ops& ops) {
  ops.rxq_info_get = rxq_info_get;
  ops.txq_info_get = txq_info_get;
  ops.rx_burst_mode_get = rx_burst_mode_get;
  ops.tx_burst_mode_get = tx_burst_mode_get;
  ops.tx_done_cleanup = tx_done_cleanup;
  ops.get_monitor_addr = get_monitor_addr;
}

}  // namespace zcnbrh::pmd
