// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The link as ethdev shows it.
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

int link_update(struct rte_eth_dev* dev, int /*wait_to_complete*/) noexcept {
  const PmdPort* port = port_of(dev);
  if (port == nullptr) return 0;  // a secondary process sees what the primary last stored
  if (port->port->is_loop()) return set_link(dev, LinkState{dev->data->dev_started != 0, kLoopSpeed, true, false});
  const auto state = netdev_link_state(port->port->ifindex());
  return set_link(dev, state ? *state : LinkState{});
}

}  // namespace

void add_link_ops(struct eth_dev_ops& ops) { ops.link_update = link_update; }

void refresh_link(struct rte_eth_dev* dev) { link_update(dev, 0); }

}  // namespace zcnbrh::pmd
