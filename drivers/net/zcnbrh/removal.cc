// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What becomes of a port when its netdev changes under it: renamed, gone, back again; or when somebody takes
// our XDP program off it. Called by the netdev watch, so mostly on EAL's interrupt thread, with the control
// lock.
//
// A netdev that is deleted or moved to another namespace is unregistered: the kernel takes its programs off and
// lets its AF_XDP pools go before it sends RTM_DELLINK (unregister_netdevice_many_notify(), net/core/dev.c). So
// by the time we hear of it, no frame is in the kernel's hands any more and all can go back to their pools.
#include <algorithm>
#include <cerrno>

#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/netdev_watch.h"
#include "drivers/net/zcnbrh/ops.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kFirstRetryMs = 10;
constexpr uint32_t kLongestRetryMs = 1000;
constexpr uint32_t kStuckBurstMs = 100;
// A program that is detached by force, or exchanged by its bpf_link, is not told by rtnetlink.
constexpr uint32_t kProgramCheckMs = 1000;

const char* netdev_name(const PmdPort& port) { return port.port->info().name.c_str(); }

void follow_name(PmdPort& port, const std::string& name) {
  const std::string before = port.port->info().name;
  if (name.empty() || name == before) return;
  port.port->set_name(name);
  ZLOG(NOTICE, "port %u (%s): netdev %s is called %s now; the port stays with it (ifindex %d)", port.port_id,
       port.name.c_str(), before.c_str(), name.c_str(), port.port->ifindex());
}

// Bursts return 0 from here on; every frame goes back to its pool. False: try again later.
bool take_queues_down(PmdPort& port) {
  if (!disable_queues(port)) return false;
  see_gate_counts(port);
  for (uint16_t queue = 0; queue < port.queues(); ++queue) close_queue(port, queue);
  port.port->leave_netdev();
  return true;
}

void finish_leaving(PmdPort& port) {
  PortControl& control = port.control;
  control.queues_closed = take_queues_down(port);
  if (!control.queues_closed) return control.watch->tick_in(kStuckBurstMs);
  if (port.config().reattach) control.watch->tick_in(control.retry_ms = kFirstRetryMs);
}

void netdev_gone(struct rte_eth_dev* dev, PortNews& news) {
  PmdPort& port = *port_of(dev);
  PortControl& control = port.control;
  if (control.absent) return;
  const bool waits = port.config().reattach;
  ZLOG(WARNING, "port %u (%s): netdev %s is gone, deleted or moved to another network namespace; %s",
       port.port_id, port.name.c_str(), netdev_name(port),
       waits ? "waiting for one of that name (reattach=1)" : "the port is dead, close it");
  control.absent = true;
  control.refusal.clear();
  control.displaced_by.clear();
  ++control.removals;
  drop_holds(port);
  forget_steering(port);
  finish_leaving(port);
  news.link |= link_changed(dev, LinkState{});
  news.removed |= !waits && dev->data->dev_conf.intr_conf.rmv != 0;
}

// All of it, or nothing.
Status go_on_with(struct rte_eth_dev* dev) {
  PmdPort& port = *port_of(dev);
  port.control.absent = false;
  replay_settings(dev);
  if (!port.control.started) return {};
  port.port->set_busy_timeout(0);  // this thread serves others, too; the next attempt is soon
  Status s = bring_up(dev);
  port.port->set_busy_timeout(BindRequest{}.busy_timeout_ms);
  return s;
}

void refused(PmdPort& port, const Error& error) {
  PortControl& control = port.control;
  control.absent = true;
  drop_holds(port);
  unsteer_flows(port);
  port.port->leave_netdev();
  if (std::string text = error.text(); text != control.refusal) {
    ZLOG(WARNING, "port %u (%s): netdev %s is back, but: %s; trying again", port.port_id, port.name.c_str(),
         netdev_name(port), text.c_str());
    control.refusal = std::move(text);
  }
  control.retry_ms = std::min(control.retry_ms * 2, kLongestRetryMs);
  control.watch->tick_in(control.retry_ms);
}

void try_to_return(struct rte_eth_dev* dev, PortNews& news) {
  PmdPort& port = *port_of(dev);
  PortControl& control = port.control;
  if (!control.queues_closed) return;
  if (Status found = port.port->find_netdev(); !found) {
    if (found.error().code != ENODEV) refused(port, found.error());
    return;  // its coming is told by rtnetlink
  }
  if (Status s = go_on_with(dev); !s) return refused(port, s.error());
  control.refusal.clear();
  ++control.returns;
  if (control.started) tell_unserved_queues(port);  // the new netdev may have more than the old one
  ZLOG(NOTICE, "port %u (%s): netdev %s is back (ifindex %d); the port goes on with it", port.port_id,
       port.name.c_str(), netdev_name(port), port.port->ifindex());
  news.link |= refresh_link(dev);
  control.watch->tick_in(kProgramCheckMs);
}

// Said once, and shown by the xstats; nobody's program is ever taken off for it. The next start puts ours back,
// or names who is in the way.
void look_at_program(PmdPort& port) {
  if (port.control.absent || port.port->program() == nullptr) return;
  const std::string now = port.port->program()->displaced_by();
  if (now == port.control.displaced_by) return;
  // A netdev that is just going has lost its program, too; that is told by RTM_DELLINK.
  if (!now.empty() && !netdev_query(port.port->ifindex())) return;
  port.control.displaced_by = now;
  if (now.empty()) return;
  ++port.control.program_displaced;
  ZLOG(ERR,
       "port %u (%s): the XDP program was taken off %s from outside (now there: %s); no packet comes in until "
       "the "
       "port is stopped and started",
       port.port_id, port.name.c_str(), netdev_name(port), now.c_str());
}

bool is_awaited(const PmdPort& port, const std::string& name) {
  return port.config().reattach && (name == port.config().iface || name == port.port->info().name);
}

// The kernel had more to say than we read in time.
void ask_anew(struct rte_eth_dev* dev, PortNews& news) {
  PmdPort& port = *port_of(dev);
  if (port.control.absent) return try_to_return(dev, news);
  const auto now = netdev_query(port.port->ifindex());
  if (!now && now.error().code == ENODEV) return netdev_gone(dev, news);
  if (now) follow_name(port, now->name);
  news.link |= refresh_link(dev);
}

}  // namespace

Status watch_netdev(struct rte_eth_dev* dev) {
  PmdPort& port = *port_of(dev);
  if (port.port->is_loop()) return {};
  auto watch = NetdevWatch::start(dev);
  if (!watch) return watch.error();
  port.control.watch = *watch;
  dev->data->dev_flags |= RTE_ETH_DEV_INTR_LSC | (port.config().reattach ? 0U : RTE_ETH_DEV_INTR_RMV);
  return {};
}

void watch_program(const PmdPort& port) {
  if (port.control.watch != nullptr && port.port->program() != nullptr)
    port.control.watch->tick_in(kProgramCheckMs);
}

void port_hear(struct rte_eth_dev* dev, const LinkEvent& event, PortNews& news) {
  PmdPort& port = *port_of(dev);
  if (event.kind == LinkEvent::Kind::kLost) return ask_anew(dev, news);
  if (port.control.absent) {
    if (event.kind == LinkEvent::Kind::kChanged && is_awaited(port, event.info.name)) try_to_return(dev, news);
    return;
  }
  if (event.info.ifindex != port.port->ifindex()) return;
  if (event.kind == LinkEvent::Kind::kRemoved) return netdev_gone(dev, news);
  follow_name(port, event.info.name);
  look_at_program(port);
  news.link |= refresh_link(dev);
}

void port_tick(struct rte_eth_dev* dev, PortNews& news) {
  PmdPort& port = *port_of(dev);
  PortControl& control = port.control;
  if (!control.absent) {
    look_at_program(port);
    return watch_program(port);
  }
  if (!control.queues_closed) return finish_leaving(port);
  if (port.config().reattach) try_to_return(dev, news);
}

}  // namespace zcnbrh::pmd
