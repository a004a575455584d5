// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The ethdev operations: each checks, calls, and translates to -errno with one logged line of cause and cure.
#include <rte_malloc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/pmd.h"
#include "lib/base/uapi_xdp.h"
#include "lib/config/queue_sizes.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kDefaultDescriptors = 2048;
constexpr uint32_t kDefaultBurst = 32;
// Longest packet any pool can take: a 4096-byte chunk less mempool header, mbuf and headroom; the kernel's
// own headroom lies over those.
constexpr uint32_t kLargestPacket =
    kMaxChunk - RTE_CACHE_LINE_SIZE - sizeof(struct rte_mbuf) - RTE_PKTMBUF_HEADROOM;
constexpr uint32_t kFrameOverhead = RTE_ETHER_HDR_LEN + 4;  // one VLAN tag; AF_XDP frames carry no CRC

int set_link(struct rte_eth_dev* dev, const LinkState& state) {
  struct rte_eth_link link {};
  link.link_status = state.up ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
  link.link_duplex = RTE_ETH_LINK_FULL_DUPLEX;
  link.link_autoneg = state.autoneg ? RTE_ETH_LINK_AUTONEG : RTE_ETH_LINK_FIXED;
  link.link_speed = state.speed_mbps != 0 ? state.speed_mbps : RTE_ETH_SPEED_NUM_UNKNOWN;
  if (state.speed_mbps != 0 && !state.full_duplex) link.link_duplex = RTE_ETH_LINK_HALF_DUPLEX;
  return rte_eth_linkstatus_set(dev, &link);
}

int link_update(struct rte_eth_dev* dev, int /*wait_to_complete*/) noexcept {
  const PmdPort* port = port_of(dev);
  if (port == nullptr) return 0;  // a secondary process sees what the primary last stored
  if (port->port->is_loop()) return set_link(dev, LinkState{dev->data->dev_started != 0, 0, true, false});
  const auto state = netdev_link_state(port->port->ifindex());
  return set_link(dev, state ? *state : LinkState{});
}

int dev_configure(struct rte_eth_dev* dev) noexcept {
  const PmdPort& port = *port_of(dev);
  const uint32_t most = std::max(dev->data->nb_rx_queues, dev->data->nb_tx_queues);
  if (most <= port.slots.size()) return 0;
  return log_error(port, "configure",
                   Error{EINVAL, "configure",
                         std::to_string(most) + " queues, but the port has " +
                             std::to_string(port.slots.size()) + "; give queue_count=" + std::to_string(most)});
}

int dev_start(struct rte_eth_dev* dev) noexcept {
  PmdPort& port = *port_of(dev);
  const bool was_attached = port.port->attached();
  Status s = port.port->attach();
  if (s) s = open_queues(port);
  if (s) s = enable_queues(port);
  if (!s) {
    if (!was_attached) {
      for (uint16_t queue = 0; queue < port.queues(); ++queue) close_queue(port, queue);
      port.port->detach();
    }
    return log_error(port, "start", s.error());
  }
  for (uint16_t q = 0; q < dev->data->nb_rx_queues; ++q)
    dev->data->rx_queue_state[q] = RTE_ETH_QUEUE_STATE_STARTED;
  for (uint16_t q = 0; q < dev->data->nb_tx_queues; ++q)
    dev->data->tx_queue_state[q] = RTE_ETH_QUEUE_STATE_STARTED;
  if (port.port->is_loop())
    set_link(dev, LinkState{true, 0, true, false});
  else
    link_update(dev, 0);
  return 0;
}

int dev_stop(struct rte_eth_dev* dev) noexcept {
  PmdPort& port = *port_of(dev);
  disable_queues(port);
  report_violations(port);
  report_bounces(port);
  for (uint16_t q = 0; q < dev->data->nb_rx_queues; ++q)
    dev->data->rx_queue_state[q] = RTE_ETH_QUEUE_STATE_STOPPED;
  for (uint16_t q = 0; q < dev->data->nb_tx_queues; ++q)
    dev->data->tx_queue_state[q] = RTE_ETH_QUEUE_STATE_STOPPED;
  set_link(dev, LinkState{});
  return 0;
}

int dev_infos_get(struct rte_eth_dev* dev, struct rte_eth_dev_info* info) noexcept {
  const PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  const NetdevInfo& netdev = port->port->info();
  info->if_index = port->port->is_loop() ? 0 : static_cast<unsigned>(netdev.ifindex);
  info->max_mac_addrs = 1;
  info->max_rx_queues = info->max_tx_queues = static_cast<uint16_t>(port->slots.size());
  info->max_rx_pktlen = kLargestPacket;
  info->min_mtu = RTE_ETHER_MIN_MTU;
  info->max_mtu = kLargestPacket - kFrameOverhead;
  if (netdev.max_mtu != 0 && netdev.max_mtu < info->max_mtu)
    info->max_mtu = static_cast<uint16_t>(netdev.max_mtu);
  info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  info->tx_queue_offload_capa = info->tx_offload_capa;
  info->rx_desc_lim = info->tx_desc_lim = rte_eth_desc_lim{};
  info->rx_desc_lim.nb_min = info->tx_desc_lim.nb_min = kMinDesc;
  info->rx_desc_lim.nb_max = info->tx_desc_lim.nb_max = kMaxDesc;
  info->rx_desc_lim.nb_align = info->tx_desc_lim.nb_align = 1;
  info->default_rxportconf.ring_size = info->default_txportconf.ring_size = kDefaultDescriptors;
  info->default_rxportconf.burst_size = info->default_txportconf.burst_size = kDefaultBurst;
  info->default_rxportconf.nb_queues = info->default_txportconf.nb_queues = 1;
  return 0;
}

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
  dev->data->tx_queues[queue] = slot.tx;
  return 0;
}

int mtu_set(struct rte_eth_dev* dev, uint16_t mtu) noexcept {
  PmdPort& port = *port_of(dev);
  if (port.port->is_loop()) return 0;
  for (const auto& slot : port.slots)
    if (slot->umem && slot->nb_rx != 0 && slot->umem->rx_max_length() < mtu + uint32_t{RTE_ETHER_HDR_LEN})
      return log_error(
          port, "set MTU",
          Error{EINVAL, "MTU",
                std::to_string(mtu) + " does not fit the buffers of mempool " + slot->rx_pool->name +
                    ", which take packets of " + std::to_string(slot->umem->rx_max_length()) + " bytes"});
  if (Status s = netdev_set_mtu(port.port->ifindex(), mtu); !s) return log_error(port, "set MTU", s.error());
  return 0;
}

int mac_addr_set(struct rte_eth_dev* dev, struct rte_ether_addr* address) noexcept {
  PmdPort& port = *port_of(dev);
  if (port.port->is_loop()) return 0;
  MacAddress mac;
  std::memcpy(mac.data(), address->addr_bytes, mac.size());
  // ethdev replays the address at each start; leave the interface alone when it has it already.
  if (auto now = netdev_query(port.port->ifindex()); now && now->mac == mac) return 0;
  if (Status s = netdev_set_mac(port.port->ifindex(), mac); !s)
    return log_error(port, "set MAC address", s.error());
  return 0;
}

int promiscuous_enable(struct rte_eth_dev* dev) noexcept {
  PmdPort& port = *port_of(dev);
  if (port.port->is_loop() || port.promisc) return 0;
  auto hold = PromiscHold::create(port.port->ifindex());
  if (!hold) return log_error(port, "promiscuous mode", hold.error());
  port.promisc.emplace(std::move(*hold));
  return 0;
}

int promiscuous_disable(struct rte_eth_dev* dev) noexcept {
  port_of(dev)->promisc.reset();
  return 0;
}

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

int dev_close(struct rte_eth_dev* dev) noexcept {
  if (rte_eal_process_type() != RTE_PROC_PRIMARY) return 0;
  PmdPort* port = port_of(dev);
  if (port == nullptr) return 0;
  if (port->port->attached()) disable_queues(*port);
  report_violations(*port);
  report_bounces(*port);
  for (uint16_t queue = 0; queue < port->queues(); ++queue) {
    close_queue(*port, queue);
    rte_free(port->slots[queue]->rx);
    rte_free(port->slots[queue]->tx);
    if (queue < dev->data->nb_rx_queues) dev->data->rx_queues[queue] = nullptr;
    if (queue < dev->data->nb_tx_queues) dev->data->tx_queues[queue] = nullptr;
  }
  port->port->detach();
  delete port;
  dev->process_private = nullptr;
  dev->data->mac_addrs = nullptr;  // lies in dev_private, which ethdev frees
  return 0;
}

struct eth_dev_ops make_ops() {
  struct eth_dev_ops ops {};
  ops.dev_configure = dev_configure;
  ops.dev_start = dev_start;
  ops.dev_stop = dev_stop;
  ops.dev_close = dev_close;
  ops.dev_infos_get = dev_infos_get;
  ops.link_update = link_update;
  ops.rx_queue_setup = rx_queue_setup;
  ops.tx_queue_setup = tx_queue_setup;
  ops.rx_queue_release = rx_queue_release;
  ops.tx_queue_release = tx_queue_release;
  ops.stats_get = stats_get_op;
  ops.stats_reset = stats_reset_op;
  ops.xstats_get = xstats_get_op;
  ops.xstats_get_names = xstats_get_names_op;
  ops.xstats_reset = xstats_reset_op;
  ops.mtu_set = mtu_set;
  ops.mac_addr_set = mac_addr_set;
  ops.promiscuous_enable = promiscuous_enable;
  ops.promiscuous_disable = promiscuous_disable;
  return ops;
}

}  // namespace

int log_error(const PmdPort& port, const char* doing, const Error& error) {
  ZLOG(ERR, "port %u (%s): %s: %s", port.port_id, port.name.c_str(), doing, error.text().c_str());
  return -error.code;
}

const struct eth_dev_ops* ethdev_ops() {
  static const struct eth_dev_ops ops = make_ops();
  return &ops;
}

}  // namespace zcnbrh::pmd
