// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Extended statistics: every counter of counters.def, the two exact gauges and the kernel's six, for each
// queue: rx_q0_dropped_too_long, tx_q0_in_flight, rx_q0_xsk_ring_full, ...
#include <cerrno>
#include <cstdio>
#include <string_view>

#include "drivers/net/zcnbrh/pmd.h"

namespace zcnbrh::pmd {
namespace {

struct Named {
  const char* name;
  uint64_t value;
};

// Calls visit(direction, queue, Named) for each value, always in the same order.
template <typename Visit>
void each(const PmdPort& port, Visit visit) {
  for (uint16_t queue = 0; queue < port.queues(); ++queue) {
    const QueueSlot& slot = *port.slots[queue];
    const XskStatistics kernel = kernel_statistics(slot);
    if (slot.rx != nullptr && slot.nb_rx != 0) {
      const RxShared& s = slot.rx->state;
#define RX(name, unit, text) visit("rx", queue, Named{#name, s.count.name.get()});
#include "lib/xsk/counters.def"
      visit("rx", queue, Named{"flushed", slot.rx->flushed.get()});
      visit("rx", queue, Named{"posted", s.posted.get()});
      visit("rx", queue, Named{"deficit", s.target - s.posted.get()});
      visit("rx", queue, Named{"credits_rebased", s.credit.rebased});
      visit("rx", queue, Named{"xsk_dropped", kernel.rx_dropped});
      visit("rx", queue, Named{"xsk_ring_full", kernel.rx_ring_full});
      visit("rx", queue, Named{"xsk_fill_ring_empty", kernel.rx_fill_ring_empty_descs});
      visit("rx", queue, Named{"xsk_invalid_descs", kernel.rx_invalid_descs});
    }
    if (slot.tx != nullptr && slot.nb_tx != 0) {
      const TxShared& s = slot.tx->state;
#define TX(name, unit, text) visit("tx", queue, Named{#name, s.count.name.get()});
#include "lib/xsk/counters.def"
      visit("tx", queue, Named{"in_flight", s.in_flight.get()});
      visit("tx", queue, Named{"xsk_invalid_descs", kernel.tx_invalid_descs});
      visit("tx", queue, Named{"xsk_ring_empty", kernel.tx_ring_empty_descs});
    }
  }
}

unsigned count_of(const PmdPort& port) {
  unsigned n = 0;
  each(port, [&n](const char*, uint16_t, Named) { ++n; });
  return n;
}

// Gauges say what is, so a reset leaves them alone.
bool is_gauge(const Named& n) {
  const std::string_view name = n.name;
  return name == "posted" || name == "deficit" || name == "in_flight";
}

}  // namespace

int xstats_get(struct rte_eth_dev* dev, struct rte_eth_xstat* values, unsigned count) {
  const PmdPort* port = port_of(dev);
  if (port == nullptr) return 0;
  const unsigned all = count_of(*port);
  if (values == nullptr || count < all) return static_cast<int>(all);
  unsigned i = 0;
  each(*port, [&](const char*, uint16_t, Named n) {
    // A baseline above the value belongs to a queue that was closed since; it counts from 0 again.
    const uint64_t before = i < port->xstats_forgotten.size() ? port->xstats_forgotten[i] : 0;
    values[i].id = i;
    values[i].value = is_gauge(n) || before > n.value ? n.value : n.value - before;
    ++i;
  });
  return static_cast<int>(i);
}

int xstats_reset(struct rte_eth_dev* dev) {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  port->xstats_forgotten.clear();
  each(*port, [&](const char*, uint16_t, Named n) { port->xstats_forgotten.push_back(n.value); });
  return stats_reset(dev);
}

int xstats_get_names(struct rte_eth_dev* dev, struct rte_eth_xstat_name* names, unsigned count) {
  const PmdPort* port = port_of(dev);
  if (port == nullptr) return 0;
  const unsigned all = count_of(*port);
  if (names == nullptr || count < all) return static_cast<int>(all);
  unsigned i = 0;
  each(*port, [&](const char* direction, uint16_t queue, Named n) {
    std::snprintf(names[i++].name, RTE_ETH_XSTATS_NAME_SIZE, "%s_q%u_%s", direction, queue, n.name);
  });
  return static_cast<int>(i);
}

}  // namespace zcnbrh::pmd
