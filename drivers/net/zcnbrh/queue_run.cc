// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Queues that run and queues that stand. RX queue n and TX queue n share a socket, but each runs by itself:
//   RX runs: its XSKMAP entry is set and its door is open. It stands: no entry, so its packets go to the
//            kernel's stack; the door is shut, bursts return 0; what was received and not read is given back.
//   TX runs: its door is open. It stands: the door is shut; what was taken before is sent.
// Which queues of a port are to run is ethdev's rx_queue_state and tx_queue_state. Doors are shut with
// shut_and_wait() (lib/xsk/quiesce.h), so a burst on another lcore is out before anything is touched.
#include <rte_cycles.h>

#include <cerrno>
#include <string>

#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/ops.h"
#include "drivers/net/zcnbrh/share.h"
#include "lib/base/clock.h"
#include "lib/xsk/quiesce.h"
#include "lib/xsk/wakeup.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kDiscardBurst = 64;
constexpr uint64_t kFlushMs = 50;  // for what a TX queue was given before it stopped; a veth needs none of it

struct rte_eth_dev_data* data_of(const PmdPort& port) {
  return rte_eth_devices[port.port_id].data;
}

bool rx_is_to_run(const PmdPort& port, uint16_t queue) {
  const struct rte_eth_dev_data* data = data_of(port);
  return queue < data->nb_rx_queues && port.slots[queue]->nb_rx != 0 &&
         data->rx_queue_state[queue] == RTE_ETH_QUEUE_STATE_STARTED;
}
bool tx_is_to_run(const PmdPort& port, uint16_t queue) {
  const struct rte_eth_dev_data* data = data_of(port);
  return queue < data->nb_tx_queues && port.slots[queue]->nb_tx != 0 &&
         data->tx_queue_state[queue] == RTE_ETH_QUEUE_STATE_STARTED;
}

// Packets in the RX ring of a queue that stands: at most a ring's worth, nothing new comes in.
void discard_received(QueueSlot& slot) {
  struct rte_mbuf* late[kDiscardBurst];
  for (uint32_t seen = 0; seen <= slot.nb_rx; seen += kDiscardBurst) {
    const uint32_t n = slot.rx_copy.on
                           ? rx_burst_inside(slot.pair.rx(), slot.rx_copy.policy, late, kDiscardBurst)
                       : slot.pair.outcome().segments()
                           ? rx_burst_inside<true>(slot.pair.rx(), slot.rx_policy, late, kDiscardBurst)
                           : rx_burst_inside(slot.pair.rx(), slot.rx_policy, late, kDiscardBurst);
    if (n == 0) break;
    rte_pktmbuf_free_bulk(late, n);
    slot.rx->flushed.add(n);
  }
}

Error stuck(const char* what) {
  return Error{EBUSY, "queue stop",
               std::string("a thread has been inside the ") + what +
                   " burst for seconds; is it stopped in a debugger, or starved?"};
}

}  // namespace

Status start_rx(PmdPort& port, uint16_t queue) {
  QueueSlot& slot = *port.slots[queue];
  if (!slot.pair.rx().door.is_shut()) return {};
  discard_received(slot);  // what a NAPI run still delivered after the last stop
  interrupts_follow(port, queue);
  if (Status s = slot.pair.enable(port.port->xsks_map()); !s) return s;
  slot.pair.rx().door.open();
  share_queue(port, queue);
  return {};
}

// Nothing new comes; the application, whose burst goes on, takes what is there. Not for ever.
void let_rx_run_dry(PmdPort& port, uint16_t queue) {
  QueueSlot& slot = *port.slots[queue];
  if (!slot.pair || slot.pair.rx().door.is_shut()) return;
  slot.pair.disable(port.port->xsks_map());
  const uint64_t give_up = monotonic_ms() + kFlushMs;
  do sleep_ms(1);  // a NAPI run that found the entry is over by then
  while (packets_waiting(slot) != 0 && monotonic_ms() < give_up);
}

Status stop_rx(PmdPort& port, uint16_t queue) {
  QueueSlot& slot = *port.slots[queue];
  if (!slot.pair || slot.nb_rx == 0) return {};
  slot.pair.disable(port.port->xsks_map());
  if (!shut_everywhere(port, queue, true, false)) return stuck("RX");
  discard_received(slot);
  return {};
}

void start_tx(PmdPort& port, uint16_t queue) {
  port.slots[queue]->pair.tx().door.open();
  share_queue(port, queue);
}

Status stop_tx(PmdPort& port, uint16_t queue) {
  QueueSlot& slot = *port.slots[queue];
  if (!slot.pair || slot.nb_tx == 0) return {};
  TxLocal& tx = slot.pair.tx();
  if (!shut_everywhere(port, queue, false, true)) return stuck("TX");
  // What was taken is sent, and its buffers come back, if the device gets on with it.
  const uint64_t give_up = monotonic_ms() + kFlushMs;
  for (;;) {
    kick(tx);
    give_back_sent(slot, UINT32_MAX);
    if (tx.s->in_flight.get() == 0 || monotonic_ms() >= give_up) return {};
    sleep_ms(1);
  }
}

void set_queue_states(struct rte_eth_dev* dev, bool started) {
  const PmdPort& port = *port_of(dev);
  for (uint16_t q = 0; q < dev->data->nb_rx_queues; ++q)
    dev->data->rx_queue_state[q] =
        started && port.slots[q]->control.rx_conf.rx_deferred_start == 0 && dev->data->rx_queues[q] != nullptr
            ? RTE_ETH_QUEUE_STATE_STARTED
            : RTE_ETH_QUEUE_STATE_STOPPED;
  for (uint16_t q = 0; q < dev->data->nb_tx_queues; ++q)
    dev->data->tx_queue_state[q] =
        started && port.slots[q]->control.tx_conf.tx_deferred_start == 0 && dev->data->tx_queues[q] != nullptr
            ? RTE_ETH_QUEUE_STATE_STARTED
            : RTE_ETH_QUEUE_STATE_STOPPED;
}

Status enable_queues(PmdPort& port) {
  for (uint16_t queue = 0; queue < port.queues(); ++queue) {
    if (!port.slots[queue]->pair) continue;
    if (rx_is_to_run(port, queue))
      if (Status s = start_rx(port, queue); !s) {
        disable_queues(port);
        return s;
      }
    if (tx_is_to_run(port, queue)) start_tx(port, queue);
  }
  return {};
}

// All doors in one go: a wait costs a millisecond only where a burst is running.
bool disable_queues(PmdPort& port) {
  for (const auto& slot : port.slots)
    if (slot->pair) slot->pair.disable(port.port->xsks_map());
  if (!shut_everywhere(port, kEveryQueue, true, true)) {
    log_error(port, "stop", stuck("RX or TX"));
    return false;
  }
  for (const auto& slot : port.slots)
    if (slot->pair && slot->nb_rx != 0) discard_received(*slot);
  return true;
}

namespace {

int rx_queue_start(struct rte_eth_dev* dev, uint16_t queue) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  const bool open = static_cast<bool>(port->slots[queue]->pair);
  if (!open && !port->control.absent)
    return -EIO;  // lost in a set-up at run time that failed; its log says why
  if (Status s = open ? start_rx(*port, queue) : Status(); !s)
    return log_error(*port, "RX queue start", s.error());
  dev->data->rx_queue_state[queue] = RTE_ETH_QUEUE_STATE_STARTED;
  return 0;
}

int rx_queue_stop(struct rte_eth_dev* dev, uint16_t queue) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  dev->data->rx_queue_state[queue] = RTE_ETH_QUEUE_STATE_STOPPED;
  if (Status s = stop_rx(*port, queue); !s) return log_error(*port, "RX queue stop", s.error());
  return 0;
}

int tx_queue_start(struct rte_eth_dev* dev, uint16_t queue) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  const bool open = static_cast<bool>(port->slots[queue]->pair);
  if (!open && !port->control.absent) return -EIO;
  if (open) start_tx(*port, queue);  // else when the netdev is back
  dev->data->tx_queue_state[queue] = RTE_ETH_QUEUE_STATE_STARTED;
  return 0;
}

int tx_queue_stop(struct rte_eth_dev* dev, uint16_t queue) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  dev->data->tx_queue_state[queue] = RTE_ETH_QUEUE_STATE_STOPPED;
  if (Status s = stop_tx(*port, queue); !s) return log_error(*port, "TX queue stop", s.error());
  return 0;
}

// ethdev has checked queue and link speed. The burst that looks is chosen anew; a kernel's own tx_maxrate is
// for the netdev's queues, and drivers give AF_XDP queues of their own.
int set_queue_rate_limit(struct rte_eth_dev* dev, uint16_t queue, uint32_t mbps) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  SharedTxQueue* tx =
      queue < port->queues() && port->slots[queue]->nb_tx != 0 ? port->slots[queue]->tx : nullptr;
  if (tx == nullptr)
    return log_error(*port, "rate limit",
                     Error{EINVAL, "rate limit", "TX queue " + std::to_string(queue) + " is not set up yet"});
  if (mbps > RateLimit::kMostMbps)
    return log_error(
        *port, "rate limit",
        Error{EINVAL, "rate limit", "at most " + std::to_string(RateLimit::kMostMbps) + " Mbit/s"});
  tx->rate.set(mbps, rte_get_tsc_hz());
  switch_bursts(dev);
  return 0;
}

}  // namespace

void add_queue_run_ops(struct eth_dev_ops& ops) {
  ops.set_queue_rate_limit = set_queue_rate_limit;
  ops.rx_queue_start = rx_queue_start;
  ops.rx_queue_stop = rx_queue_stop;
  ops.tx_queue_start = tx_queue_start;
  ops.tx_queue_stop = tx_queue_stop;
}

}  // namespace zcnbrh::pmd
