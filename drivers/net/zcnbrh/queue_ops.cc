// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Queue set-up and release: everything that can be checked before start is checked here.
#include <rte_malloc.h>

#include <cerrno>

#include "drivers/net/zcnbrh/ops.h"
#include "lib/config/queue_sizes.h"

namespace zcnbrh::pmd {
namespace {

// A queue of one side is gone or set up anew: the socket serves both sides, so it goes and comes back at the
// next start.
void queue_release(struct rte_eth_dev* dev, uint16_t queue, bool rx) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr || queue >= port->slots.size()) return;
  close_queue(*port, queue);
  QueueSlot& slot = *port->slots[queue];
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

// Checks all that can be checked before start, with the pool's own numbers.
Result<std::shared_ptr<PoolMemory>> check_rx(const PmdPort& port, uint16_t mtu, uint16_t descriptors,
                                             struct rte_mempool* pool) {
  if (auto sizes = queue_sizes(port.config(), descriptors, 0); !sizes) return sizes.error();
  if (pool == nullptr) return Error{EINVAL, "mempool", "none given; several pools a queue are not supported"};
  auto memory = PoolMemory::adopt(pool, port.config().ledger);
  if (!memory) return memory.error();
  const auto layout = layout_for(**memory, port.config());
  if (!layout) return layout.error();
  const uint32_t room = rx_max_length(*layout, **memory);
  const uint32_t needed = mtu + uint32_t{RTE_ETHER_HDR_LEN};
  if (room >= needed) return *memory;
  return Error{EINVAL, "mempool",
               std::string(pool->name) + ": buffers take packets of " + std::to_string(room) +
                   " bytes, an MTU of " + std::to_string(mtu) + " needs " + std::to_string(needed)};
}

int rx_queue_setup(struct rte_eth_dev* dev, uint16_t queue, uint16_t descriptors, unsigned /*socket*/,
                   const struct rte_eth_rxconf* conf, struct rte_mempool* pool) noexcept {
  PmdPort& port = *port_of(dev);
  if (conf->rx_deferred_start != 0)
    return log_error(port, "RX queue setup", Error{ENOTSUP, "rx_deferred_start", "queues start with the port"});
  auto memory = check_rx(port, dev->data->mtu, descriptors, pool);
  if (!memory) return log_error(port, "RX queue setup", memory.error());
  close_queue(port, queue);
  QueueSlot& slot = *port.slots[queue];
  if (slot.rx == nullptr)
    slot.rx = static_cast<SharedRxQueue*>(
        rte_zmalloc_socket("zcnbrh_queue", sizeof(SharedRxQueue), RTE_CACHE_LINE_SIZE, port.node()));
  if (slot.rx == nullptr) return -ENOMEM;
  slot.rx->address = {port.port_id, queue};
  slot.rx_pool = pool;
  slot.rx_memory = std::move(*memory);
  slot.nb_rx = descriptors;
  slot.control.rx_conf = *conf;
  dev->data->rx_queues[queue] = slot.rx;
  return 0;
}

int tx_queue_setup(struct rte_eth_dev* dev, uint16_t queue, uint16_t descriptors, unsigned /*socket*/,
                   const struct rte_eth_txconf* conf) noexcept {
  PmdPort& port = *port_of(dev);
  if (conf->tx_deferred_start != 0)
    return log_error(port, "TX queue setup", Error{ENOTSUP, "tx_deferred_start", "queues start with the port"});
  if (auto sizes = queue_sizes(port.config(), 0, descriptors); !sizes)
    return log_error(port, "TX queue setup", sizes.error());
  close_queue(port, queue);
  QueueSlot& slot = *port.slots[queue];
  const size_t bytes = offsetof(SharedTxQueue, state) + TxShared::bytes(bounce_frames(port, descriptors));
  rte_free(slot.tx);  // made for a queue that only received: too short
  slot.tx =
      static_cast<SharedTxQueue*>(rte_zmalloc_socket("zcnbrh_queue", bytes, RTE_CACHE_LINE_SIZE, port.node()));
  if (slot.tx == nullptr) return -ENOMEM;
  slot.tx->address = {port.port_id, queue};
  slot.nb_tx = descriptors;
  slot.control.tx_conf = *conf;
  dev->data->tx_queues[queue] = slot.tx;
  return 0;
}

}  // namespace

void add_queue_ops(struct eth_dev_ops& ops) {
  ops.rx_queue_setup = rx_queue_setup;
  ops.tx_queue_setup = tx_queue_setup;
  ops.rx_queue_release = rx_queue_release;
  ops.tx_queue_release = tx_queue_release;
}

}  // namespace zcnbrh::pmd
