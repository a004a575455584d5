// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Extended statistics. Of the port: sums under the names that tools look for, the netdev's own counters and
// the NIC's by ethtool. Of each configured queue: every counter of counters.def, the exact gauges, sums of
// causes, and the kernel's six: rx_q0_dropped_too_long, tx_q0_in_flight, rx_q0_xsk_ring_full, ...
// Names depend on the number of configured queues alone, not on which of them are open.
#include "drivers/net/zcnbrh/xstats.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "drivers/net/zcnbrh/ops.h"
#include "drivers/net/zcnbrh/stats.h"

namespace zcnbrh::pmd {
namespace {

// Collects one group: the port, or a queue of one direction.
class Group {
 public:
  Group(std::vector<Xstat>& out, const char* prefix, uint16_t number, uint16_t queue)
      : out_(out), prefix_(prefix), queue_(queue), key_(uint64_t{number} << 48 | uint64_t{queue} << 32) {}

  void count(const char* name, uint64_t value) { put(name, value, Xstat::Kind::kCount); }
  void gauge(const char* name, uint64_t value) { put(name, value, Xstat::Kind::kGauge); }

 private:
  void put(const char* name, uint64_t value, Xstat::Kind kind) {
    Xstat x{};
    if (*prefix_ == '\0')
      std::snprintf(x.name, sizeof x.name, "%s", name);
    else
      std::snprintf(x.name, sizeof x.name, "%s_q%u_%s", prefix_, queue_, name);
    x.key = key_++;
    x.value = value;
    x.kind = kind;
    out_.push_back(x);
  }

  std::vector<Xstat>& out_;
  const char* prefix_;
  uint16_t queue_;
  uint64_t key_;
};

const QueueSlot* open_slot(const PmdPort& port, uint16_t queue) {
  return port.slots[queue]->pair ? port.slots[queue].get() : nullptr;
}

void add_port(const struct rte_eth_dev* dev, PmdPort& port, std::vector<Xstat>& out) {
  Group g(out, "", 0, 0);
  uint64_t cycles = 0;
  uint64_t timed = 0;
  const uint16_t queues = std::max(dev->data->nb_rx_queues, dev->data->nb_tx_queues);
  uint64_t processed = 0;
  uint64_t ring_full = 0;
  for (uint16_t q = 0; q < queues; ++q) {
    const QueueCounts c = counts_of(*port.slots[q]);
    processed += c.rx.packets.get() - c.flushed + c.tx.packets.get();
    ring_full += c.kernel.rx_ring_full + c.tx.no_credit.get();
    cycles += c.rx_cycles + c.tx_cycles;
    timed += c.rx_timed + c.tx_timed;
  }
  g.count("packets_processed", processed);
  g.count("ring_full_count", ring_full);
  g.gauge("cpu_cycles_per_packet", timed != 0 ? cycles / timed : 0);
  NetdevStats netdev;
  if (!port.port->is_loop())
    if (const auto now = netdev_stats(port.port->ifindex())) netdev = *now;
  g.count("netdev_rx_dropped", netdev.rx_dropped);
  g.count("netdev_rx_missed_errors", netdev.rx_missed_errors);
  g.count("netdev_rx_errors", netdev.rx_errors);
  g.count("netdev_rx_over_errors", netdev.rx_over_errors);
  g.count("netdev_rx_fifo_errors", netdev.rx_fifo_errors);
  g.count("netdev_rx_crc_errors", netdev.rx_crc_errors);
  g.count("netdev_rx_length_errors", netdev.rx_length_errors);
  g.count("netdev_tx_dropped", netdev.tx_dropped);
  g.count("netdev_tx_errors", netdev.tx_errors);
  g.count("netdev_removals", port.control.removals);
  g.count("netdev_returns", port.control.returns);
  g.count("xdp_program_displaced", port.control.program_displaced);
  for (const NicCount& nic : port.stats.nic.read(port.port->info().name))
    g.count(("nic_" + nic.name).c_str(), nic.value);
}

void add_rx(PmdPort& port, uint16_t queue, std::vector<Xstat>& out) {
  Group g(out, "rx", 1, queue);
  const QueueCounts c = counts_of(*port.slots[queue]);
#define RX(name, unit, text) g.count(#name, c.rx.name.get());
#include "lib/xsk/counters.def"
  const QueueSlot* slot = open_slot(port, queue);
  const RxShared* s = slot != nullptr && slot->nb_rx != 0 ? &slot->rx->state : nullptr;
  g.count("flushed", c.flushed);
  g.count("dropped_vlan", c.dropped_vlan);
  g.gauge("posted", s != nullptr ? s->posted.get() : 0);
  g.gauge("deficit", s != nullptr && s->target > s->posted.get() ? s->target - s->posted.get() : 0);
  g.gauge("waiting", slot != nullptr ? packets_waiting(*slot) : 0);
  g.count("credits_rebased", c.rebased);
  const GateCounts gate = gate_counts(port, queue);
  g.count("gate_dropped", gate.dropped);
  g.count("gate_passed", gate.passed);
  g.count("system_calls", c.rx.wakes.get() + c.rx.busy_polls.get());
  g.count("xsk_dropped", c.kernel.rx_dropped);
  g.count("xsk_ring_full", c.kernel.rx_ring_full);
  g.count("xsk_fill_ring_empty", c.kernel.rx_fill_ring_empty_descs);
  g.count("xsk_invalid_descs", c.kernel.rx_invalid_descs);
  g.gauge("zero_copy", slot != nullptr && slot->pair.outcome().mode == XskMode::kZeroCopy);
  g.gauge("cycles_per_packet", c.rx_timed != 0 ? c.rx_cycles / c.rx_timed : 0);
}

void add_tx(const PmdPort& port, uint16_t queue, std::vector<Xstat>& out) {
  Group g(out, "tx", 2, queue);
  const QueueCounts c = counts_of(*port.slots[queue]);
#define TX(name, unit, text) g.count(#name, c.tx.name.get());
#define KICK(name, unit, text) g.count("helper_" #name, c.helper.name.get());
#include "lib/xsk/counters.def"
  const QueueSlot* slot = open_slot(port, queue);
  g.gauge("in_flight", slot != nullptr && slot->nb_tx != 0 ? slot->tx->state.in_flight.get() : 0);
  g.count("rate_limited", c.rate_limited);
  g.count("partial_bursts", c.tx.no_credit.get() + c.tx.no_bounce.get());
  g.count("system_calls", c.tx.kicks.get() + c.tx.kick_wakes.get());
  g.count("xsk_invalid_descs", c.kernel.tx_invalid_descs);
  g.count("xsk_ring_empty", c.kernel.tx_ring_empty_descs);
  g.gauge("zero_copy", slot != nullptr && slot->pair.outcome().mode == XskMode::kZeroCopy);
  g.gauge("cycles_per_packet", c.tx_timed != 0 ? c.tx_cycles / c.tx_timed : 0);
}

// All of them, as counted since the port was made.
std::vector<Xstat> collect(const struct rte_eth_dev* dev) {
  PmdPort& port = *port_of(dev);
  std::vector<Xstat> out;
  add_port(dev, port, out);
  for (uint16_t q = 0; q < dev->data->nb_rx_queues; ++q) add_rx(port, q, out);
  for (uint16_t q = 0; q < dev->data->nb_tx_queues; ++q) add_tx(port, q, out);
  return out;
}

uint64_t since_reset(const struct rte_eth_dev* dev, const Xstat& x) {
  const PmdPort* port = port_of(dev);
  if (x.kind == Xstat::Kind::kGauge) return x.value;
  const auto before = port->stats.xstats_forgotten.find(x.key);
  // A NIC's own counter may start again from 0, when the NIC was taken away and came back.
  return before == port->stats.xstats_forgotten.end() || before->second > x.value ? x.value
                                                                                  : x.value - before->second;
}

// In a secondary process as the primary has them.
Result<std::vector<Xstat>> all_xstats(const struct rte_eth_dev* dev) {
  const PmdPort* port = port_of(dev);
  if (port == nullptr) return Error{ENODEV, "xstats", {}};
  if (port->port) return xstats_since_reset(dev);
  auto told = ask_stats(port->port_id);
  if (!told) return told.error();
  return std::move(told->extended);
}

// Calls put(position, xstat) for those asked for: `ids`, or all if null. The number there are if `room` is
// too small for all, as ethdev wants it.
template <typename Put>
int select(const struct rte_eth_dev* dev, const uint64_t* ids, unsigned room, bool wanted, Put put) {
  const auto found = all_xstats(dev);
  if (!found) return -found.error().code;
  const std::vector<Xstat>& all = *found;
  if (ids == nullptr && (!wanted || room < all.size())) return static_cast<int>(all.size());
  if (!wanted) return -EINVAL;
  const unsigned count = ids != nullptr ? room : static_cast<unsigned>(all.size());
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t id = ids != nullptr ? ids[i] : i;
    if (id >= all.size()) return -EINVAL;
    put(i, id, all[id]);
  }
  return static_cast<int>(count);
}

int xstats_get(struct rte_eth_dev* dev, struct rte_eth_xstat* values, unsigned count) noexcept {
  return select(dev, nullptr, count, values != nullptr, [&](unsigned i, uint64_t id, const Xstat& x) {
    values[i].id = id;
    values[i].value = x.value;
  });
}

int xstats_get_names(struct rte_eth_dev* dev, struct rte_eth_xstat_name* names, unsigned count) noexcept {
  return select(dev, nullptr, count, names != nullptr, [&](unsigned i, uint64_t, const Xstat& x) {
    std::snprintf(names[i].name, sizeof names[i].name, "%s", x.name);
  });
}

int xstats_get_by_id(struct rte_eth_dev* dev, const uint64_t* ids, uint64_t* values, unsigned count) noexcept {
  return select(dev, ids, count, values != nullptr,
                [&](unsigned i, uint64_t, const Xstat& x) { values[i] = x.value; });
}

int xstats_get_names_by_id(struct rte_eth_dev* dev, const uint64_t* ids, struct rte_eth_xstat_name* names,
                           unsigned count) noexcept {
  return select(dev, ids, count, names != nullptr, [&](unsigned i, uint64_t, const Xstat& x) {
    std::snprintf(names[i].name, sizeof names[i].name, "%s", x.name);
  });
}

int xstats_reset(struct rte_eth_dev* dev) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr || !port->port) return -ENOTSUP;
  for (const Xstat& x : collect(dev)) port->stats.xstats_forgotten[x.key] = x.value;
  return stats_reset(dev);
}

}  // namespace

std::vector<Xstat> xstats_since_reset(const struct rte_eth_dev* dev) {
  std::vector<Xstat> all = collect(dev);
  for (Xstat& x : all) x.value = since_reset(dev, x);
  return all;
}

void add_xstats_ops(struct eth_dev_ops& ops) {
  ops.xstats_get = xstats_get;
  ops.xstats_get_names = xstats_get_names;
  ops.xstats_get_by_id = xstats_get_by_id;
  ops.xstats_get_names_by_id = xstats_get_names_by_id;
  ops.xstats_reset = xstats_reset;
}

}  // namespace zcnbrh::pmd
