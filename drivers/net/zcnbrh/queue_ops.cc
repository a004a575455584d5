// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Queue set-up and release: everything that can be checked before start is checked here.
//
// RX queue n and TX queue n share a socket. Of a stopped port, setting one up takes the socket down; it comes
// back at the next start. Of a running port the side that is set up stands (ethdev sees to it) and the other
// may carry traffic: where the socket's rings serve the new set-up it stays as it is. Else it is made anew:
// the other side's burst is held off (it returns 0) until what it had sent is out and the new socket is
// there, some milliseconds, and nothing is lost.
#include <rte_malloc.h>

#include <cerrno>

#include "drivers/net/zcnbrh/jumbo.h"
#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/ops.h"
#include "lib/config/queue_sizes.h"
#include "lib/xsk/quiesce.h"

namespace zcnbrh::pmd {
namespace {

// The application's side of a queue: what a set-up replaces, and puts back if it fails.
struct Wanted {
  struct rte_mempool* rx_pool = nullptr;
  std::shared_ptr<PoolMemory> rx_memory;
  uint32_t nb_rx = 0;
  uint32_t nb_tx = 0;
  SharedTxQueue* tx = nullptr;
};

Wanted wanted_of(const QueueSlot& slot) {
  return {slot.rx_pool, slot.rx_memory, slot.nb_rx, slot.nb_tx, slot.tx};
}
void set_wanted(QueueSlot& slot, const Wanted& wanted) {
  slot.rx_pool = wanted.rx_pool;
  slot.rx_memory = wanted.rx_memory;
  slot.nb_rx = wanted.nb_rx;
  slot.nb_tx = wanted.nb_tx;
  slot.tx = wanted.tx;
}

// On a running port a queue is only released to be set up again, so the socket waits for what comes.
void queue_release(struct rte_eth_dev* dev, uint16_t queue, bool rx) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr || queue >= port->slots.size()) return;
  QueueSlot& slot = *port->slots[queue];
  if (dev->data->dev_started != 0 && slot.pair) return;
  close_queue(*port, queue);
  if (rx) {
    rte_free(slot.rx);
    slot.rx = nullptr;
    slot.nb_rx = 0;
    slot.rx_pool = nullptr;
    slot.rx_memory.reset();
    dev->data->rx_queues[queue] = nullptr;
  } else {
    rte_free(slot.tx);
    slot.tx = nullptr;
    slot.nb_tx = 0;
    dev->data->tx_queues[queue] = nullptr;
  }
}
void rx_queue_release(struct rte_eth_dev* dev, uint16_t queue) noexcept { queue_release(dev, queue, true); }
void tx_queue_release(struct rte_eth_dev* dev, uint16_t queue) noexcept { queue_release(dev, queue, false); }

// The socket of a running port's queue with other sizes or another pool. On error the queue is as it was.
Status rebuild(PmdPort& port, uint16_t queue, const Wanted& wanted) {
  QueueSlot& slot = *port.slots[queue];
  const Wanted before = wanted_of(slot);
  const bool rx_ran = slot.pair && !slot.pair.rx().door.is_shut();
  const bool tx_ran = slot.pair && !slot.pair.tx().door.is_shut();
  let_rx_run_dry(port, queue);
  if (Status s = stop_rx(port, queue); !s) return s;
  if (Status s = stop_tx(port, queue); !s) return s;
  close_queue(port, queue);
  set_wanted(slot, wanted);
  Status s = open_one_queue(port, queue);
  if (!s) {
    set_wanted(slot, before);
    if (before.nb_rx == 0 && before.nb_tx == 0) return s;
    if (Status undone = open_one_queue(port, queue); !undone) {
      log_error(port, "queue set-up: the queue as it was could not be brought back", undone.error());
      return s;
    }
  }
  if (rx_ran)
    if (Status started = start_rx(port, queue); !started) return started;
  if (tx_ran) start_tx(port, queue);
  return s;
}

// Checks all that can be checked before start, with the pool's own numbers.
Result<std::shared_ptr<PoolMemory>> check_rx(const PmdPort& port, uint16_t mtu, uint16_t descriptors,
                                             struct rte_mempool* pool) {
  if (auto sizes = queue_sizes(port.config(), descriptors, 0); !sizes) return sizes.error();
  if (pool == nullptr) return Error{EINVAL, "mempool", "none given; several pools a queue are not supported"};
  auto memory = PoolMemory::adopt(pool, port.config().ledger);
  if (!memory) return memory.error();
  if (Status s = check_pool_mtu(port, **memory, mtu); !s) return s.error();
  return *memory;
}

// More frames can be posted into the rings there are; fewer cannot be taken back.
bool rx_fits(const QueueSlot& slot, const Wanted& wanted) {
  const RxLocal& rx = slot.pair.rx();
  return slot.nb_rx != 0 && slot.rx_pool == wanted.rx_pool && !slot.rx_copy.on && wanted.nb_rx >= slot.nb_rx &&
         wanted.nb_rx <= rx.rx.size() && wanted.nb_rx <= rx.fill.size();
}

Status set_up_rx(PmdPort& port, uint16_t queue, bool running, const Wanted& wanted) {
  QueueSlot& slot = *port.slots[queue];
  if (!running) {
    close_queue(port, queue);
    set_wanted(slot, wanted);
    return {};
  }
  if (!slot.pair || !rx_fits(slot, wanted)) return rebuild(port, queue, wanted);
  slot.nb_rx = slot.rx->state.target = wanted.nb_rx;  // the next bursts post the rest
  return {};
}

int rx_queue_setup(struct rte_eth_dev* dev, uint16_t queue, uint16_t descriptors, unsigned /*socket*/,
                   const struct rte_eth_rxconf* conf, struct rte_mempool* pool) noexcept {
  PmdPort& port = *port_of(dev);
  auto memory = check_rx(port, dev->data->mtu, descriptors, pool);
  if (!memory) return log_error(port, "RX queue setup", memory.error());
  QueueSlot& slot = *port.slots[queue];
  if (slot.rx == nullptr)
    slot.rx = static_cast<SharedRxQueue*>(
        rte_zmalloc_socket("zcnbrh_queue", sizeof(SharedRxQueue), RTE_CACHE_LINE_SIZE, port.node()));
  if (slot.rx == nullptr) return -ENOMEM;
  slot.rx->address = {port.port_id, queue};
  slot.segments.rx_asked = conf->offloads & RTE_ETH_RX_OFFLOAD_SCATTER;
  slot.segments.refused = false;
  Wanted wanted = wanted_of(slot);
  wanted.rx_pool = pool;
  wanted.rx_memory = std::move(*memory);
  wanted.nb_rx = descriptors;
  if (Status s = set_up_rx(port, queue, dev->data->dev_started != 0, wanted); !s)
    return log_error(port, "RX queue setup", s.error());
  slot.control.rx_conf = *conf;
  slot.rx_offload.of_queue = conf->offloads;
  if (dev->data->dev_started != 0) switch_bursts(dev);
  dev->data->rx_queues[queue] = slot.rx;
  return 0;
}

bool tx_fits(const PmdPort& port, const QueueSlot& slot, uint32_t descriptors) {
  const TxLocal& tx = slot.pair.tx();
  return slot.nb_tx != 0 && descriptors >= slot.tx->state.in_flight.get() && descriptors <= tx.tx.size() &&
         descriptors <= tx.completion.size() && bounce_frames(port, descriptors) <= slot.bounce_frames.count;
}

SharedTxQueue* make_shared_tx(const PmdPort& port, uint16_t queue, uint32_t descriptors) {
  const size_t bytes = offsetof(SharedTxQueue, state) + TxShared::bytes(bounce_frames(port, descriptors));
  auto* tx =
      static_cast<SharedTxQueue*>(rte_zmalloc_socket("zcnbrh_queue", bytes, RTE_CACHE_LINE_SIZE, port.node()));
  if (tx != nullptr) tx->address = {port.port_id, queue};
  return tx;
}

Status set_up_tx(PmdPort& port, uint16_t queue, bool running, const Wanted& wanted) {
  QueueSlot& slot = *port.slots[queue];
  if (running) return rebuild(port, queue, wanted);
  close_queue(port, queue);
  set_wanted(slot, wanted);
  return {};
}

int tx_queue_setup(struct rte_eth_dev* dev, uint16_t queue, uint16_t descriptors, unsigned /*socket*/,
                   const struct rte_eth_txconf* conf) noexcept {
  PmdPort& port = *port_of(dev);
  if (auto sizes = queue_sizes(port.config(), 0, descriptors); !sizes)
    return log_error(port, "TX queue setup", sizes.error());
  QueueSlot& slot = *port.slots[queue];
  slot.segments.tx_asked = conf->offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  const bool running = dev->data->dev_started != 0;
  if (running && slot.pair && tx_fits(port, slot, descriptors)) {
    slot.nb_tx = slot.tx->state.limit = descriptors;
  } else {
    Wanted wanted = wanted_of(slot);
    wanted.nb_tx = descriptors;
    wanted.tx = make_shared_tx(port, queue, descriptors);
    if (wanted.tx == nullptr) return -ENOMEM;
    SharedTxQueue* before = slot.tx;
    if (Status s = set_up_tx(port, queue, running, wanted); !s) {
      rte_free(wanted.tx);
      return log_error(port, "TX queue setup", s.error());
    }
    rte_free(before);
  }
  slot.control.tx_conf = *conf;
  slot.tx_offload.of_queue = conf->offloads;
  if (running) switch_bursts(dev);
  dev->data->tx_queues[queue] = slot.tx;
  return 0;
}

}  // namespace

void add_queue_info(struct rte_eth_dev_info& info) {
  info.dev_capa |= RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP | RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP;
}

void add_queue_ops(struct eth_dev_ops& ops) {
  ops.rx_queue_setup = rx_queue_setup;
  ops.tx_queue_setup = tx_queue_setup;
  ops.rx_queue_release = rx_queue_release;
  ops.tx_queue_release = tx_queue_release;
}

}  // namespace zcnbrh::pmd
