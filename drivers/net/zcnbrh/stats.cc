// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Basic and per-queue statistics, from the queues' own counters and the kernel's XDP_STATISTICS.
#include "drivers/net/zcnbrh/ops.h"

namespace zcnbrh::pmd {
namespace {

// Packets lost before they reached us. In copy mode a missing buffer counts as rx_dropped too, so the
// looks into an empty fill ring are not added; in zero-copy mode those are the driver's retries, not packets.
uint64_t missed(const XskStatistics& s) { return s.rx_dropped + s.rx_ring_full; }

// By the XDP program's gate with on_empty=drop.
uint64_t turned_away(const PmdPort& port, uint16_t queue) {
  if (port.port->program() == nullptr || port.config().on_empty != OnEmpty::kDrop) return 0;
  const auto counts = port.port->program()->counters(port.config().start_queue + queue);
  return counts ? counts->dropped_no_credit : 0;
}

void add_queue(const PmdPort& port, const QueueSlot& slot, uint16_t queue, struct rte_eth_stats& out) {
  const bool shown = queue < RTE_ETHDEV_QUEUE_STAT_CNTRS;
  if (slot.rx != nullptr && slot.nb_rx != 0) {
    const RxCounters& rx = slot.rx->state.count;
    out.ipackets += rx.packets.get() - slot.rx->flushed.get();
    out.ibytes += rx.bytes.get();
    out.ierrors += rx.dropped_too_long.get() + rx.dropped_segments.get();
    out.rx_nombuf += rx.alloc_failed.get();
    if (shown) {
      out.q_ipackets[queue] += rx.packets.get() - slot.rx->flushed.get();
      out.q_ibytes[queue] += rx.bytes.get();
      out.q_errors[queue] += rx.dropped_too_long.get() + rx.dropped_segments.get();
    }
  }
  if (slot.tx != nullptr && slot.nb_tx != 0) {
    const TxCounters& tx = slot.tx->state.count;
    out.opackets += tx.packets.get();
    out.obytes += tx.bytes.get();
    out.oerrors += tx.invalid.get();
    if (shown) {
      out.q_opackets[queue] += tx.packets.get();
      out.q_obytes[queue] += tx.bytes.get();
    }
  }
  if (slot.pair) {
    const XskStatistics kernel = kernel_statistics(slot);
    out.imissed += missed(kernel) + turned_away(port, queue);
    out.oerrors += kernel.tx_invalid_descs;
  }
}

void add(struct rte_eth_stats& to, const struct rte_eth_stats& what) {
  auto* a = reinterpret_cast<uint64_t*>(&to);
  const auto* b = reinterpret_cast<const uint64_t*>(&what);
  for (size_t i = 0; i < sizeof to / sizeof *a; ++i) a[i] += b[i];
}

// Every field of rte_eth_stats is a uint64_t.
void subtract(struct rte_eth_stats& from, const struct rte_eth_stats& what) {
  auto* a = reinterpret_cast<uint64_t*>(&from);
  const auto* b = reinterpret_cast<const uint64_t*>(&what);
  for (size_t i = 0; i < sizeof from / sizeof *a; ++i) a[i] -= b[i];
}

// In zero-copy mode a packet without a buffer is lost in the NIC, which counts it by itself.
uint64_t missed_by_nic(const PmdPort& port) {
  if (!port.port->info().has_device) return 0;
  const auto now = netdev_stats(port.port->ifindex());
  return now && now->rx_missed_errors > port.nic_missed_before ? now->rx_missed_errors - port.nic_missed_before
                                                               : 0;
}

struct rte_eth_stats count_all(const PmdPort& port) {
  struct rte_eth_stats out {};
  out.imissed = missed_by_nic(port);
  for (uint16_t queue = 0; queue < port.queues(); ++queue) add_queue(port, *port.slots[queue], queue, out);
  add(out, port.closed);
  return out;
}

// A secondary process has no sockets: the shared counters are what it sees.
int stats_of_secondary(const struct rte_eth_dev* dev, struct rte_eth_stats& out) {
  for (uint16_t q = 0; q < dev->data->nb_rx_queues; ++q) {
    const auto* rx = static_cast<const SharedRxQueue*>(dev->data->rx_queues[q]);
    if (rx == nullptr) continue;
    out.ipackets += rx->state.count.packets.get() - rx->flushed.get();
    out.ibytes += rx->state.count.bytes.get();
  }
  for (uint16_t q = 0; q < dev->data->nb_tx_queues; ++q) {
    const auto* tx = static_cast<const SharedTxQueue*>(dev->data->tx_queues[q]);
    if (tx == nullptr) continue;
    out.opackets += tx->state.count.packets.get();
    out.obytes += tx->state.count.bytes.get();
  }
  return 0;
}

}  // namespace

void keep_counts(PmdPort& port, uint16_t queue) {
  QueueSlot& slot = *port.slots[queue];
  struct rte_eth_stats gone {};
  add_queue(port, slot, queue, gone);
  gone.imissed -= turned_away(port, queue);  // counted by the program, which stays
  add(port.closed, gone);
  slot.rx->state.count = {};
  slot.rx->flushed = {};
  slot.tx->state.count = {};
}

int stats_get(struct rte_eth_dev* dev, struct rte_eth_stats* stats) {
  const PmdPort* port = port_of(dev);
  if (port == nullptr) return stats_of_secondary(dev, *stats);
  *stats = count_all(*port);
  subtract(*stats, port->forgotten);
  return 0;
}

int stats_reset(struct rte_eth_dev* dev) {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  port->forgotten = count_all(*port);
  return 0;
}

namespace {

int stats_get_op(struct rte_eth_dev* dev, struct rte_eth_stats* stats) noexcept {
  if (PmdPort* port = port_of(dev)) report_bounces(*port);
  return stats_get(dev, stats);
}
int stats_reset_op(struct rte_eth_dev* dev) noexcept { return stats_reset(dev); }

int xstats_get_op(struct rte_eth_dev* dev, struct rte_eth_xstat* values, unsigned count) noexcept {
  return xstats_get(dev, values, count);
}
int xstats_reset_op(struct rte_eth_dev* dev) noexcept { return xstats_reset(dev); }
int xstats_get_names_op(struct rte_eth_dev* dev, struct rte_eth_xstat_name* names, unsigned count) noexcept {
  return xstats_get_names(dev, names, count);
}

}  // namespace

void add_stats_ops(struct eth_dev_ops& ops) {
  ops.stats_get = stats_get_op;
  ops.stats_reset = stats_reset_op;
  ops.xstats_get = xstats_get_op;
  ops.xstats_get_names = xstats_get_names_op;
  ops.xstats_reset = xstats_reset_op;
}

}  // namespace zcnbrh::pmd
