// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What becomes of a port when its netdev changes under it: renamed, gone, back again. Called by the netdev
// watch.
#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/netdev_watch.h"
#include "drivers/net/zcnbrh/ops.h"

namespace zcnbrh::pmd {
namespace {

void follow_name(PmdPort& port, const std::string& name) {
  const std::string before = port.port->info().name;
  if (name.empty() || name == before) return;
  port.port->set_name(name);
  ZLOG(NOTICE, "port %u (%s): netdev %s is called %s now; the port stays with it (ifindex %d)", port.port_id,
       port.name.c_str(), before.c_str(), name.c_str(), port.port->ifindex());
}

}  // namespace

Status watch_netdev(struct rte_eth_dev* dev) {
  PmdPort& port = *port_of(dev);
  if (port.port->is_loop()) return {};
  auto watch = NetdevWatch::start(dev);
  if (!watch) return watch.error();
  port.control.watch = *watch;
  dev->data->dev_flags |= RTE_ETH_DEV_INTR_LSC;
  return {};
}

void port_hear(struct rte_eth_dev* dev, const LinkEvent& event, PortNews& news) {
  PmdPort& port = *port_of(dev);
  if (event.kind == LinkEvent::Kind::kLost) {
    news.link |= refresh_link(dev);
    return;
  }
  if (event.info.ifindex != port.port->ifindex()) return;
  if (event.kind == LinkEvent::Kind::kChanged) follow_name(port, event.info.name);
  news.link |= refresh_link(dev);
}

void port_tick(struct rte_eth_dev*, PortNews&) {}

}  // namespace zcnbrh::pmd
