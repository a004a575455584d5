// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Basic and per-queue statistics, from the queues' own counters and the kernel's XDP_STATISTICS.
#include "drivers/net/zcnbrh/stats.h"

#include <algorithm>
#include <cerrno>

#include "drivers/net/zcnbrh/ops.h"

namespace zcnbrh::pmd {
namespace {

void add(RxCounters& to, const RxCounters& what) {
#define RX(name, unit, text) to.name.add(what.name.get());
#include "lib/xsk/counters.def"
}
void add(TxCounters& to, const TxCounters& what) {
#define TX(name, unit, text) to.name.add(what.name.get());
#include "lib/xsk/counters.def"
}
void add(KickCounters& to, const KickCounters& what) {
#define KICK(name, unit, text) to.name.add(what.name.get());
#include "lib/xsk/counters.def"
}
void add(XskStatistics& to, const XskStatistics& what) {
  to.rx_dropped += what.rx_dropped;
  to.rx_invalid_descs += what.rx_invalid_descs;
  to.tx_invalid_descs += what.tx_invalid_descs;
  to.rx_ring_full += what.rx_ring_full;
  to.rx_fill_ring_empty_descs += what.rx_fill_ring_empty_descs;
  to.tx_ring_empty_descs += what.tx_ring_empty_descs;
}

void add_shared(QueueCounts& to, const SharedRxQueue* rx, const SharedTxQueue* tx) {
  if (rx != nullptr) {
    add(to.rx, rx->state.count);
    to.flushed += rx->flushed.get();
    to.dropped_vlan += rx->dropped_vlan.get();
    to.rebased += rx->state.credit.rebased;
    to.rx_cycles += rx->cycles.cycles.get();
    to.rx_timed += rx->cycles.packets.get();
  }
  if (tx != nullptr) {
    add(to.tx, tx->state.count);
    add(to.helper, tx->state.helper);
    to.rate_limited += tx->rate_limited.get();
    to.tx_cycles += tx->cycles.cycles.get();
    to.tx_timed += tx->cycles.packets.get();
  }
}

// Packets lost before they reached us. In copy mode a missing buffer counts as rx_dropped too, so the
// looks into an empty fill ring are not added; in zero-copy mode those are the driver's retries, not packets.
uint64_t missed(const XskStatistics& s) { return s.rx_dropped + s.rx_ring_full; }

// The number of per-queue statistics that a queue counts in, or one too high for any.
uint32_t place(const std::vector<uint8_t>& at, uint16_t queue) { return queue < at.size() ? at[queue] : queue; }

void add_queue(PmdPort& port, uint16_t queue, struct rte_eth_stats& out) {
  const QueueCounts c = counts_of(*port.slots[queue]);
  const uint64_t ipackets = c.rx.packets.get() - c.flushed;
  const uint64_t ierrors = c.rx.dropped_too_long.get() + c.rx.dropped_segments.get();
  out.ipackets += ipackets;
  out.ibytes += c.rx.bytes.get();
  out.ierrors += ierrors;
  out.rx_nombuf += c.rx.alloc_failed.get();
  out.opackets += c.tx.packets.get();
  out.obytes += c.tx.bytes.get();
  out.oerrors += c.tx.invalid.get() + c.kernel.tx_invalid_descs;
  out.imissed += missed(c.kernel) + gate_counts(port, queue).dropped;
  if (const uint32_t at = place(port.stats.rx_at, queue); at < RTE_ETHDEV_QUEUE_STAT_CNTRS) {
    out.q_ipackets[at] += ipackets;
    out.q_ibytes[at] += c.rx.bytes.get();
    out.q_errors[at] += ierrors;
  }
  if (const uint32_t at = place(port.stats.tx_at, queue); at < RTE_ETHDEV_QUEUE_STAT_CNTRS) {
    out.q_opackets[at] += c.tx.packets.get();
    out.q_obytes[at] += c.tx.bytes.get();
  }
}

// Every field of rte_eth_stats is a uint64_t.
void subtract(struct rte_eth_stats& from, const struct rte_eth_stats& what) {
  auto* a = reinterpret_cast<uint64_t*>(&from);
  const auto* b = reinterpret_cast<const uint64_t*>(&what);
  for (size_t i = 0; i < sizeof from / sizeof *a; ++i) a[i] -= b[i];
}

// In zero-copy mode a packet without a buffer is lost in the NIC, which counts it by itself.
uint64_t missed_by_nic(PmdPort& port) {
  if (!port.port->info().has_device) return 0;
  uint64_t missed = 0;  // of a netdev that is gone: the next one counts from 0
  if (!port.control.absent) {
    const auto now = netdev_stats(port.port->ifindex());
    if (!now) return 0;
    missed = now->rx_missed_errors;
  }
  const uint64_t all = port.stats.nic_missed.see(missed);
  return all > port.nic_missed_before ? all - port.nic_missed_before : 0;
}

struct rte_eth_stats count_all(PmdPort& port) {
  struct rte_eth_stats out {};
  out.imissed = missed_by_nic(port);
  for (uint16_t queue = 0; queue < port.queues(); ++queue) add_queue(port, queue, out);
  return out;
}

}  // namespace

QueueCounts counts_of(const QueueSlot& slot) {
  QueueCounts out = slot.control.stats.kept;
  add_shared(out, slot.rx, slot.tx);
  add(out.kernel, kernel_statistics(slot));
  return out;
}

GateCounts gate_counts(PmdPort& port, uint16_t queue) {
  if (port.config().on_empty == OnEmpty::kOff) return {};
  zcnbrh_counters now{};  // without a program: the next one counts from 0
  if (port.port->program() != nullptr)
    if (const auto read = port.port->program()->counters(port.config().start_queue + queue)) now = *read;
  QueueStats& stats = port.slots[queue]->control.stats;
  return {stats.dropped_no_credit.see(now.dropped_no_credit), stats.passed_no_credit.see(now.passed_no_credit)};
}

void see_gate_counts(PmdPort& port) {
  for (uint16_t queue = 0; queue < port.queues(); ++queue) gate_counts(port, queue);
}

void keep_counts(PmdPort& port, uint16_t queue) {
  QueueSlot& slot = *port.slots[queue];
  slot.control.stats.kept = counts_of(slot);
  if (slot.rx != nullptr) {
    slot.rx->state.count = {};
    slot.rx->state.credit.rebased = 0;
    slot.rx->flushed = {};
    slot.rx->dropped_vlan = {};
    slot.rx->cycles = {};
  }
  if (slot.tx != nullptr) {
    slot.tx->state.count = {};
    slot.tx->state.helper = {};
    slot.tx->rate_limited = {};
    slot.tx->cycles = {};
  }
}

int stats_reset(struct rte_eth_dev* dev) {
  PmdPort* port = port_of(dev);
  if (port == nullptr || !port->port) return -ENOTSUP;
  port->stats.forgotten = count_all(*port);
  return 0;
}

namespace {

int stats_get_op(struct rte_eth_dev* dev, struct rte_eth_stats* stats) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr || !port->port) return -ENODEV;
  report_bounces(*port);
  *stats = count_all(*port);
  subtract(*stats, port->stats.forgotten);
  return 0;
}
int stats_reset_op(struct rte_eth_dev* dev) noexcept { return stats_reset(dev); }

int queue_stats_mapping_set(struct rte_eth_dev* dev, uint16_t queue, uint8_t at, uint8_t is_rx) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr || !port->port) return -ENOTSUP;
  std::vector<uint8_t>& map = is_rx != 0 ? port->stats.rx_at : port->stats.tx_at;
  // Queues beyond the sixteen count nowhere until they are given a place.
  for (size_t q = map.size(); q < port->slots.size(); ++q)
    map.push_back(static_cast<uint8_t>(std::min<size_t>(q, RTE_ETHDEV_QUEUE_STAT_CNTRS)));
  if (queue >= map.size()) return -EINVAL;
  map[queue] = at;
  return 0;
}

}  // namespace

void add_stats_ops(struct eth_dev_ops& ops) {
  ops.stats_get = stats_get_op;
  ops.stats_reset = stats_reset_op;
  ops.queue_stats_mapping_set = queue_stats_mapping_set;
  add_xstats_ops(ops);
}

}  // namespace zcnbrh::pmd
