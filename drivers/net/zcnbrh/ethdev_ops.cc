// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The table of ethdev operations and a port's life: configure, start, stop, close. Each operation checks,
// calls, and translates to -errno with one logged line of cause and cure.
#include <rte_malloc.h>

#include <algorithm>
#include <cerrno>

#include "drivers/net/zcnbrh/control_lock.h"
#include "drivers/net/zcnbrh/jumbo.h"
#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/netdev_watch.h"
#include "drivers/net/zcnbrh/ops.h"
#include "drivers/net/zcnbrh/share.h"
#include "lib/base/uapi_xdp.h"
#include "lib/config/queue_sizes.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kDefaultDescriptors = 2048;
constexpr uint32_t kDefaultBurst = 32;

int dev_configure(struct rte_eth_dev* dev) noexcept {
  PmdPort& port = *port_of(dev);
  const uint32_t most = std::max(dev->data->nb_rx_queues, dev->data->nb_tx_queues);
  if (most <= port.slots.size()) {
    const auto mtu = static_cast<uint16_t>(dev->data->dev_conf.rxmode.mtu);
    Status s = configure_rss(dev);
    if (s && mtu > RTE_ETHER_MTU) port.control.mtu = mtu;
    return s ? 0 : log_error(port, "configure", s.error());
  }
  return log_error(port, "configure",
                   Error{EINVAL, "configure",
                         std::to_string(most) + " queues, but the port has " +
                             std::to_string(port.slots.size()) + "; give queue_count=" + std::to_string(most)});
}

int dev_start(struct rte_eth_dev* dev) noexcept {
  PmdPort& port = *port_of(dev);
  if (port.control.absent)
    return log_error(
        port, "start",
        Error{ENODEV, "start",
              "netdev " + port.port->info().name + " is gone" +
                  (port.config().reattach ? "; start the port again when it is back" : "; close the port")});
  const auto mtu_before = raise_mtu(port, dev->data->mtu);
  if (!mtu_before) return log_error(port, "start", mtu_before.error());
  set_queue_states(dev, true);
  if (Status s = bring_up(dev); !s) {
    set_queue_states(dev, false);
    put_back_mtu(port, *mtu_before);
    return log_error(port, "start", s.error());
  }
  port.port->settle();
  keep_info(dev);
  start_link(dev);
  watch_program(port);
  tell_unserved_queues(port);
  watch_sched(port);
  return 0;
}

int dev_stop(struct rte_eth_dev* dev) noexcept {
  PmdPort& port = *port_of(dev);
  leave_sched(port);
  disable_queues(port);
  take_down_interrupts(dev);
  report_violations(port);
  report_bounces(port);
  set_queue_states(dev, false);
  stop_link(dev);
  return 0;
}

int dev_infos_get(struct rte_eth_dev* dev, struct rte_eth_dev_info* info) noexcept {
  const PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  const NetdevInfo& netdev = port->port->info();
  info->if_index = port->port->is_loop() ? 0 : static_cast<unsigned>(netdev.ifindex);
  info->max_mac_addrs = port->port->is_loop() ? 1 : kMaxAddresses;
  info->max_rx_queues = info->max_tx_queues = static_cast<uint16_t>(port->slots.size());
  info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  info->tx_queue_offload_capa = info->tx_offload_capa;
  add_queue_info(*info);
  add_offload_info(*port, *info);
  info->rx_desc_lim = info->tx_desc_lim = rte_eth_desc_lim{};
  info->rx_desc_lim.nb_min = info->tx_desc_lim.nb_min = kMinDesc;
  info->rx_desc_lim.nb_max = info->tx_desc_lim.nb_max = kMaxDesc;
  info->rx_desc_lim.nb_align = info->tx_desc_lim.nb_align = 1;
  add_jumbo_info(*port, *info);
  add_rss_info(*port, *info);
  add_speed_info(*port, *info);
  info->default_rxportconf.ring_size = info->default_txportconf.ring_size = kDefaultDescriptors;
  info->default_rxportconf.burst_size = info->default_txportconf.burst_size = kDefaultBurst;
  info->default_rxportconf.nb_queues = info->default_txportconf.nb_queues = 1;
  return 0;
}

int dev_close(struct rte_eth_dev* dev) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return 0;
  if (NetdevWatch* watch = port->control.watch; watch != nullptr) {
    watch->stop();  // until then the interrupt thread may be in the middle of a removal, and set the watch's
                    // alarm
    port->control.watch = nullptr;
  }
  const ControlLock lock;
  leave_sched(*port);
  if (port->port->attached()) disable_queues(*port);
  take_down_interrupts(dev);
  report_violations(*port);
  report_bounces(*port);
  for (uint16_t queue = 0; queue < port->queues(); ++queue) {
    close_queue(*port, queue);
    rte_free(port->slots[queue]->rx);
    rte_free(port->slots[queue]->tx);
    if (queue < dev->data->nb_rx_queues) dev->data->rx_queues[queue] = nullptr;
    if (queue < dev->data->nb_tx_queues) dev->data->tx_queues[queue] = nullptr;
  }
  flow_close(*port);
  port->port->detach();
  unshare_port(*port);
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
  add_flow_ops(ops);
  add_ethtool_ops(ops);
  add_link_ops(ops);
  add_netdev_ops(ops);
  add_rss_ops(ops);
  add_offload_ops(ops);
  add_timesync_ops(ops);
  add_queue_ops(ops);
  add_queue_run_ops(ops);
  add_queue_info_ops(ops);
  add_interrupt_ops(ops);
  add_threshold_ops(ops);
  add_stats_ops(ops);
  lock_ops(ops);  // last: it wraps what is there
  return ops;
}

// Our program was taken off the netdev: with its map and its gates the queues must be made anew.
void drop_displaced_program(PmdPort& port) {
  if (port.port->program() == nullptr || port.port->program()->displaced_by().empty()) return;
  see_gate_counts(port);
  for (uint16_t queue = 0; queue < port.queues(); ++queue) close_queue(port, queue);
  port.port->detach();
  port.control.displaced_by.clear();
}

// rte_eth_dev_start() publishes the bursts; a port that is brought up by itself must get on with the same ones.
Status choose_same_bursts(struct rte_eth_dev* dev) {
  auto& shared = *static_cast<SharedPort*>(dev->data->dev_private);
  const uint8_t rx = shared.rx_variant, tx = shared.tx_variant;
  const auto receive = dev->rx_pkt_burst;
  const auto send = dev->tx_pkt_burst;
  choose_bursts(dev);
  if (!port_of(dev)->control.started || (receive == dev->rx_pkt_burst && send == dev->tx_pkt_burst)) return {};
  shared.rx_variant = rx;
  shared.tx_variant = tx;
  dev->rx_pkt_burst = receive;
  dev->tx_pkt_burst = send;
  return Error{ENOTSUP, "bursts", "this netdev is served by other burst functions; stop and start the port"};
}

}  // namespace

Status bring_up(struct rte_eth_dev* dev) {
  PmdPort& port = *port_of(dev);
  drop_displaced_program(port);
  const bool was_attached = port.port->attached();
  const bool starts = !port.control.started;  // else its netdev is back, and descriptors follow their queues
  Status s = port.port->attach();
  if (s) s = flow_attached(port);
  if (s) close_queues_of_other_wakeup(port);
  if (s) s = prepare_offloads(dev);
  if (s) s = open_queues(port);
  if (s) s = apply_offloads(dev);
  if (s && starts) s = set_up_interrupts(dev);
  if (s) s = choose_same_bursts(dev);
  if (s) s = enable_queues(port);
  if (s) return s;
  if (starts) take_down_interrupts(dev);
  if (was_attached) return s;
  for (uint16_t queue = 0; queue < port.queues(); ++queue) close_queue(port, queue);
  port.port->detach();
  return s;
}

int log_error(const PmdPort& port, const char* doing, const Error& error) {
  ZLOG(ERR, "port %u (%s): %s: %s", port.port_id, port.name.c_str(), doing, error.text().c_str());
  return -error.code;
}

// For the processes that cannot ask the netdev, and have it told to them.
void keep_info(struct rte_eth_dev* dev) {
  struct rte_eth_dev_info info {};
  if (dev_infos_get(dev, &info) == 0) shared_of(dev)->info = info;
}

const struct eth_dev_ops* ethdev_ops() {
  static const struct eth_dev_ops ops = make_ops();
  return &ops;
}

}  // namespace zcnbrh::pmd
