// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The link as ethdev shows it: the netdev's own, administratively up and with a carrier. With intr_conf.lsc
// ethdev shows of a started port what was stored last; the netdev watch stores it, and the application hears of
// each change once. What the application itself does to the port (start, stop) is no news to it.
#include <cerrno>

#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/ops.h"

namespace zcnbrh::pmd {

int set_link(struct rte_eth_dev* dev, const LinkState& state) {
  struct rte_eth_link link {};
  link.link_status = state.up ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
  link.link_duplex = RTE_ETH_LINK_FULL_DUPLEX;
  link.link_autoneg = state.autoneg ? RTE_ETH_LINK_AUTONEG : RTE_ETH_LINK_FIXED;
  link.link_speed = state.speed_mbps != 0 ? state.speed_mbps : RTE_ETH_SPEED_NUM_UNKNOWN;
  if (state.speed_mbps != 0 && !state.full_duplex) link.link_duplex = RTE_ETH_LINK_HALF_DUPLEX;
  return rte_eth_linkstatus_set(dev, &link);
}

namespace {

LinkState link_now(const PmdPort& port) {
  if (port.port->is_loop()) return LinkState{port.control.started, kLoopSpeed, true, false};
  const auto state = netdev_link_state(port.port->ifindex());
  return state ? *state : LinkState{};  // gone: down
}

int link_update(struct rte_eth_dev* dev, int /*wait_to_complete*/) noexcept {
  const PmdPort* port = port_of(dev);
  if (port == nullptr) return 0;  // a secondary process sees what the primary last stored
  return set_link(dev, link_now(*port));
}

// The administrative state is the netdev's, for all its users: the same as `ip link set up`. The link's own
// change follows from the kernel, and is told when it comes.
int set_admin_state(struct rte_eth_dev* dev, bool up) {
  PmdPort& port = *port_of(dev);
  if (port.port->is_loop()) return -ENOTSUP;
  if (Status s = netdev_set_up(port.port->ifindex(), up); !s)
    return log_error(port, up ? "set link up" : "set link down", s.error());
  return 0;
}
int set_link_up(struct rte_eth_dev* dev) noexcept { return set_admin_state(dev, true); }
int set_link_down(struct rte_eth_dev* dev) noexcept { return set_admin_state(dev, false); }

// For good: with reattach=1 the port waits for another netdev.
int is_removed(struct rte_eth_dev* dev) noexcept {
  const PmdPort* port = port_of(dev);
  return port != nullptr && port->control.absent && !port->config().reattach ? 1 : 0;
}

}  // namespace

void add_link_ops(struct eth_dev_ops& ops) {
  ops.link_update = link_update;
  ops.is_removed = is_removed;
  ops.dev_set_link_up = set_link_up;
  ops.dev_set_link_down = set_link_down;
}

void start_link(struct rte_eth_dev* dev) {
  PmdPort& port = *port_of(dev);
  port.control.started = true;
  const LinkState state = link_now(port);
  port.control.told_up = state.up;
  set_link(dev, state);
}

void stop_link(struct rte_eth_dev* dev) {
  port_of(dev)->control.started = false;
  set_link(dev, LinkState{});
}

bool link_changed(struct rte_eth_dev* dev, const LinkState& state) {
  PmdPort& port = *port_of(dev);
  if (!port.control.started) return false;
  set_link(dev, state);
  if (state.up == port.control.told_up) return false;
  port.control.told_up = state.up;
  ZLOG(INFO, "port %u (%s): link %s", port.port_id, port.name.c_str(), state.up ? "up" : "down");
  return dev->data->dev_conf.intr_conf.lsc != 0;
}

bool refresh_link(struct rte_eth_dev* dev) { return link_changed(dev, link_now(*port_of(dev))); }

}  // namespace zcnbrh::pmd
